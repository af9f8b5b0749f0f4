"""The storefront side as a service: builds the parts, takes offers until told to stop."""

import logging
import os
import signal
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from pathlib import Path

from packshot import wiring
from packshot.config import Config, load
from packshot.errors import BrokerError, StopDaemon
from packshot.platform import logs, sd_notify
from packshot.storefront.delivery import Delivery, DeliverySettings

log = logging.getLogger(__name__)

TICK_S = 0.5


def main(config_path: Path | None) -> int:
    """Serve until SIGTERM; returns the exit code. Raises PackshotError when it cannot start or go on."""
    config = load(config_path, os.environ).config
    logs.configure(config.log.level, config.log.format)
    stop = threading.Event()
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, lambda *_: stop.set())
    serve(config, stop)
    return 0


def serve(config: Config, stop: threading.Event) -> None:
    """One life of the uploader."""
    uploader_id, fatal = wiring.uploader_id(config), list[StopDaemon]()
    with ExitStack() as stack:
        target = wiring.open_target(config.uploader.target, config.uploader.options)
        stack.callback(target.close)
        ledger = wiring.open_ledger(config)
        stack.callback(ledger.close)
        topic = f"{config.mqtt.root}/uploader/{uploader_id}/status"
        bus = wiring.build_bus(config, f"packshot-uploader-{uploader_id}", topic, fatal.append)
        stack.callback(bus.close)
        settings = _settings(config)
        work = Path(config.uploader.work_path) / "parts"
        delivery = Delivery(bus, ledger, target, uploader_id, work, settings, fatal.append)
        delivery.start()
        stack.callback(delivery.close)
        sd_notify.notify("READY=1", f"STATUS=delivering to {target.name} as {uploader_id}")
        logs.event(log, "serving", uploader=uploader_id, target=target.name, pid=os.getpid())
        _watch(delivery, stop, fatal)
        sd_notify.notify("STOPPING=1")


def clear_dead_letters(config: Config, capture_ids: Sequence[str], timeout_s: float = 10.0) -> bool:
    """Remove retained dead letters from the broker; False if it could not be reached in time."""
    name = wiring.uploader_id(config)
    bus = wiring.build_bus(config, f"packshot-uploader-{name}-retry", will_topic="")
    connected = threading.Event()
    bus.start(connected.set)
    try:
        if not connected.wait(timeout_s):
            return False
        topics = [f"{config.mqtt.root}/uploader/{name}/dead/{capture_id}" for capture_id in capture_ids]
        return all(bus.publish(topic, b"", retain=True).wait(timeout_s) for topic in topics)
    except BrokerError:
        return False
    finally:
        bus.close()


def _settings(config: Config) -> DeliverySettings:
    section = config.uploader
    return DeliverySettings(
        root=config.mqtt.root,
        max_capture_bytes=section.max_capture_bytes,
        dry_run=section.dry_run,
        url_prefixes=tuple(section.url_prefixes),
        url_token_file=section.url_token_file,
    )


def _watch(delivery: Delivery, stop: threading.Event, fatal: list[StopDaemon]) -> None:
    while not stop.wait(TICK_S):
        if fatal:
            raise fatal[0]
        if delivery.alive:
            sd_notify.notify("WATCHDOG=1")
