"""The demo's course: broker, daemon and uploader as processes, five orders of a till, proof that all arrived."""

import hashlib
import os
import shutil
import subprocess
import sys
import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from packshot import wiring
from packshot.config import Config, DeviceSection, MqttSection, to_toml
from packshot.demo.broker import Broker, private_broker
from packshot.demo.sheet import SheetRow, write_picture, write_sheet
from packshot.demo.till import Ticket, Till
from packshot.encode.photo import decode_photo
from packshot.errors import EXIT_OTHER, UsageError
from packshot.platform.resources import package_path
from packshot.platform.table import table

DEVICE = "demo-box"
CAPTURES = 5
ONLINE_S = 60.0
RECEIPT_S = 90.0
MARK = ".packshot-demo"


@dataclass(frozen=True)
class Delivered:
    """One capture at the demo's end: its ticket, the sample it shows, its file in the storefront, what is wrong."""

    ticket: Ticket
    sample: Path
    file: Path | None
    problem: str


def run_demo(folder: Path, preset: str) -> int:
    """Run the demo into ``folder``; 0 only if every capture lies in the storefront as its receipt says."""
    began = time.monotonic()
    fresh(folder)
    samples = sorted(package_path("samples").glob("*.jpg"))[:CAPTURES]
    with private_broker(folder) as broker:
        print(f"broker      {broker.name} on 127.0.0.1:{broker.port}")
        config = write_config(folder, broker, preset)
        with process(folder, "run", config), process(folder, "uploader", config):
            tickets = _order_all(broker, samples)
    delivered = [_check(folder, ticket, sample) for ticket, sample in zip(tickets, samples, strict=True)]
    _print_table(delivered)
    sheet = folder / "contact-sheet.html"
    rows = [_sheet_row(item) for item in delivered if item.file]
    if rows:
        write_sheet(sheet, rows)
        write_picture(sheet.with_suffix(".jpg"), rows)
    good = sum(not item.problem for item in delivered)
    print(f"\n{good} of {len(delivered)} captures receipted and checked in {time.monotonic() - began:.1f} s")
    print(f"storefront    {folder / 'storefront'}\ncontact sheet {sheet}")
    return 0 if good == CAPTURES else EXIT_OTHER


def fresh(folder: Path) -> None:
    """An empty folder, also where an earlier demo left its things; raises UsageError where others lie."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise UsageError(f"{folder} is not empty and not of an earlier demo; choose another folder with -o")
    shutil.rmtree(folder, ignore_errors=True)
    folder.mkdir(parents=True)
    (folder / MARK).touch()


def write_config(folder: Path, broker: Broker, preset: str, **more: Mapping[str, Any]) -> Path:
    """The configuration of box and uploader, with more or other tables."""
    path = folder / "packshot.toml"
    tables: dict[str, Mapping[str, Any]] = {
        "device": {"id": DEVICE},
        "mqtt": {"host": "127.0.0.1", "port": broker.port, "protocol": broker.protocol},
        "camera": {"kind": "folder", "source": str(package_path("samples"))},
        "cut": {"preset": preset},
        "spool": {"path": str(folder / "spool"), "min_free_bytes": 0},
        "uploader": {
            "id": "demo-uploader",
            "target": "folder",
            "options": {"path": str(folder / "storefront")},
            "work_path": str(folder / "uploader"),
        },
    }
    path.write_text(to_toml({**tables, **more}), "utf-8")
    return path


@contextmanager
def process(folder: Path, command: str, config: Path) -> Iterator[subprocess.Popen[bytes]]:
    """``packshot COMMAND`` as a process of its own; prints the end of its log when it ended on its own."""
    log = folder / f"{command}.log"
    environment = {key: value for key, value in os.environ.items() if not key.startswith("PACKSHOT_")}
    with log.open("wb") as output:
        arguments = [sys.executable, "-m", "packshot", command, "--config", str(config)]
        running = subprocess.Popen(arguments, stdout=output, stderr=subprocess.STDOUT, env=environment)
        try:
            yield running
        finally:
            ended = running.poll()
            running.terminate()
            try:
                running.wait(70)
            except subprocess.TimeoutExpired:
                running.kill()
                running.wait()
            if ended is not None:
                print(f"packshot {command} ended with {ended}; its last lines:\n{_tail(log)}", file=sys.stderr)


def _order_all(broker: Broker, samples: Sequence[Path]) -> list[Ticket]:
    mqtt = MqttSection(host="127.0.0.1", port=broker.port, protocol=broker.protocol)
    config = Config(device=DeviceSection(id=DEVICE), mqtt=mqtt)
    bus = wiring.build_bus(config, "demo-till", will_topic="")
    till = Till(bus, f"{config.mqtt.root}/{DEVICE}", lambda sku, text: print(f"  {sku:24} {text}", flush=True))
    try:
        till.open(ONLINE_S)
        print(f"box         {DEVICE} is online")
        return [_order(till, number, sample) for number, sample in enumerate(samples, 1)]
    finally:
        till.close()


def _order(till: Till, number: int, sample: Path) -> Ticket:
    ticket = till.order(f"order-{number}", sample.stem.upper())
    if not till.wait(ticket, RECEIPT_S, lambda order: order.receipt is not None and "receipted" in order.stages):
        ticket.error = ticket.error or f"no receipt within {RECEIPT_S:.0f} s"
    return ticket


def _check(folder: Path, ticket: Ticket, sample: Path) -> Delivered:
    """Compare the storefront's files with the receipt, byte for byte."""
    if ticket.error or not ticket.receipt or not ticket.offer:
        last = ticket.stages[-1] if ticket.stages else "nothing"
        return Delivered(ticket, sample, None, ticket.error or f"{last}: {ticket.reason}")
    stored = {_sha256(file): file for file in (folder / "storefront" / ticket.sku).glob("*") if file.is_file()}
    missing = [name for name, digest in ticket.receipt.sha256s.items() if digest not in stored]
    cutouts = [item for item in ticket.offer.artefacts if item.kind == "cutout"]
    file = stored.get(cutouts[0].sha256) if cutouts else None
    return Delivered(ticket, sample, file, f"{', '.join(missing)} not in the storefront" if missing else "")


def _print_table(delivered: Sequence[Delivered]) -> None:
    print()
    print(table(["capture", "sku", "stages (ms)", "receipt", "verdict", "file"], [_cells(item) for item in delivered]))


def _cells(item: Delivered) -> list[str]:
    ticket, offer = item.ticket, item.ticket.offer
    if item.problem or not offer or not item.file:
        return [ticket.capture_id, ticket.sku, "", "", "", item.problem]
    stages = " ".join(f"{name} {ms:.0f}" for name, ms in offer.ms.items())
    receipt, verdict = f"{ticket.receipted_after_s * 1000:.0f} ms", str(offer.verdict.get("decision", ""))
    return [ticket.capture_id, ticket.sku, stages, receipt, verdict, f"{item.file.parent.name}/{item.file.name}"]


def _sheet_row(item: Delivered) -> SheetRow:
    assert item.file  # noqa: S101 - the caller leaves rows without a file out
    with Image.open(item.file) as picture:
        cutout = np.asarray(picture.convert("RGBA"))
    photo = decode_photo(item.sample.read_bytes()).pixels
    return SheetRow(item.ticket.sku, " / ".join(_cells(item)[2:5]), photo, cutout)


def _sha256(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def _tail(log: Path, lines: int = 15) -> str:
    return "\n".join(log.read_text("utf-8", "replace").splitlines()[-lines:])
