"""What a shop feels: from switching on to READY, and from the order to the receipt of a 12-megapixel photo."""

import argparse
import os
import statistics
import sys
import tempfile
import time
from pathlib import Path

import cv2

from packshot.platform.table import table
from tests.support.appliance import Appliance, NotifySocket
from tests.support.mosquitto import Broker
from tools.endurance.shop import Journey, open_shop
from tools.make_scenes import KINDS, make_scene

HEIGHT, WIDTH = 3040, 4056
READY_S = 2.0
RECEIPT_S = 1.0


def main() -> int:
    """0 when both medians are within what is promised for an idle machine, 1 when not."""
    args = parse_arguments()
    with tempfile.TemporaryDirectory(prefix="packshot-latency-") as name:
        folder = Path(name)
        photos = twelve_megapixels(folder / "photos")
        starts = [start_to_ready(folder / f"start-{number}", photos) for number in range(args.starts)]
        journeys = [*travel(folder / "shop", photos, args.captures)]
    print(f"processor load before: {args.load:.1f}, cores: {os.cpu_count()}")
    receipts = [one.ended_s for one in journeys]
    rows = [
        row("start to READY", starts),
        row("order to answer (photo durable)", [one.answered_s for one in journeys]),
        row("order to receipt", receipts),
    ]
    print(table(["", "median ms", "least ms", "most ms", "runs"], rows))
    return int(statistics.median(starts) > READY_S or statistics.median(receipts) > RECEIPT_S)


def parse_arguments() -> argparse.Namespace:
    """How often."""
    parser = argparse.ArgumentParser(prog="tools/latency", description=__doc__)
    parser.add_argument("--starts", type=int, default=5)
    parser.add_argument("--captures", type=int, default=11)
    parser.set_defaults(load=os.getloadavg()[0])
    return parser.parse_args()


def row(name: str, seconds: list[float]) -> list[str]:
    """One line of the table."""
    values = (statistics.median(seconds), min(seconds), max(seconds))
    return [name, *(f"{value * 1000:.0f}" for value in values), str(len(seconds))]


def twelve_megapixels(folder: Path) -> Path:
    """A folder with one noisy scene of 4056 x 3040 as JPEG of quality 95."""
    folder.mkdir()
    scene = make_scene(next(iter(KINDS)), HEIGHT, WIDTH, seed=7)
    bgr = cv2.cvtColor(scene.photo, cv2.COLOR_RGB2BGR)
    cv2.imwrite(str(folder / "photo.jpg"), bgr, [cv2.IMWRITE_JPEG_QUALITY, 95])
    return folder


def start_to_ready(folder: Path, photos: Path) -> float:
    """Seconds from the start of the process until it tells systemd READY=1."""
    folder.mkdir()
    notify = NotifySocket(folder)
    with Broker(folder) as broker, Appliance(folder, broker.port, photos) as box:
        began = time.monotonic()
        box.start("run", NOTIFY_SOCKET=str(notify.path))
        notify.wait("READY=1")
        took = time.monotonic() - began
    notify.close()
    return took


def travel(folder: Path, photos: Path, captures: int) -> list[Journey]:
    """Orders one after the other, the first of them (which warms up) left out."""
    folder.mkdir()
    with open_shop(folder, photos) as (_, till):
        journeys = [till.order() for _ in range(captures + 1)][1:]
    wrong = {one.stage for one in journeys} - {"receipted"}
    if wrong:
        raise SystemExit(f"captures ended as {', '.join(wrong)}")
    return journeys


if __name__ == "__main__":
    sys.exit(main())
