"""What a person at the kiosk waits for, measured in a real Chromium against the whole appliance.

python -m tools.measure_kiosk [--captures N] [--json FILE]

Click to result: from the press of the shutter until the cutout is decoded on the page. Live picture: frames drawn a
second, alone and beside captures. Both by the page's own clock.
"""

import argparse
import json
import statistics
import tempfile
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass
from pathlib import Path

from playwright.sync_api import Page

from packshot.demo.stage import build_scenes
from packshot.platform.resources import sample_photos
from tests.support.chromium import Chromium, until
from tests.support.kiosk import KioskBox
from tests.support.mosquitto import Broker

IDLE_S = 5.0
FRAMES = "Number(document.getElementById('preview').dataset.frames ?? 0)"


@dataclass(frozen=True)
class Figures:
    """Frames drawn a second; milliseconds from click to result, one for each capture."""

    idle_fps: float
    beside_captures_fps: float
    click_to_result_ms: list[int]


def main() -> None:
    """Measure and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--captures", type=int, default=10)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as name, Broker(Path(name)) as broker:
        folder = Path(name)
        build_scenes(folder / "stage", sample_photos())
        tables = {"camera": {"kind": "scenes"}}
        with KioskBox(folder, broker.port, folder / "stage", **tables) as box, Chromium() as chromium:
            box.open()
            box.start("uploader")
            figures = measure(chromium.open(f"{box.url}/"), args.captures)
    report(figures)
    if args.json:
        args.json.write_text(json.dumps(asdict(figures), indent=2))


def measure(page: Page, captures: int) -> Figures:
    """Frames a second when idle and beside captures; milliseconds from click to result, each."""
    until(page, f"{FRAMES} > 5")
    idle = _rate(page, lambda: page.wait_for_timeout(IDLE_S * 1000))
    _shoot(page)  # the first one loads and warms up
    took: list[int] = []
    beside = _rate(page, lambda: took.extend(_shoot(page) for _ in range(captures)))
    return Figures(round(idle, 1), round(beside, 1), took)


def report(figures: Figures) -> None:
    """Print for people."""
    took = figures.click_to_result_ms
    print(f"live picture      {figures.idle_fps} frames a second, {figures.beside_captures_fps} beside captures")
    print(f"click to result   median {statistics.median(took):.0f} ms, worst {max(took)} ms, of {len(took)} captures")


def _shoot(page: Page) -> int:
    page.evaluate("delete document.getElementById('stage').dataset.clickToResult")
    page.click("#shutter")
    until(page, "document.getElementById('stage').dataset.clickToResult")
    return int(page.evaluate("document.getElementById('stage').dataset.clickToResult"))


def _rate(page: Page, act: Callable[[], object]) -> float:
    began, before = time.monotonic(), int(page.evaluate(FRAMES))
    act()
    return (int(page.evaluate(FRAMES)) - before) / (time.monotonic() - began)


if __name__ == "__main__":
    main()
