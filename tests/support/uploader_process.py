"""An uploader as a process of its own, to be killed: ``python -m tests.support.uploader_process '<json options>'``.

Options: ``port``, ``id``, ``folder`` (ledger and work), ``shop``; ``die_after_put`` kills the process with SIGKILL when
that many pictures lie in the shop, before anything is recorded; ``die_before_put`` just before; ``die_after_record``
when the outcome is in the ledger, before the receipt.
"""

import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from packshot.bus.mqtt import MqttBus
from packshot.bus.settings import MqttSettings
from packshot.messages import Receipt
from packshot.storefront.delivery import Delivery, DeliverySettings
from packshot.storefront.ledger import Ledger
from packshot.storefront.targets.folder import FolderTarget
from packshot.storefront.targets.port import DeliveryKey, Picture, Stored


class DyingTarget(FolderTarget):
    """The folder, with a bullet in the chamber."""

    def __init__(self, path: str, before: int, after: int) -> None:
        super().__init__(path)
        self._before = before
        self._after = after

    def put(self, key: DeliveryKey, pictures: Sequence[Picture]) -> Stored:
        self._before = _count_down(self._before)
        stored = super().put(key, pictures)
        self._after = _count_down(self._after)
        return stored


class DyingLedger(Ledger):
    """The ledger, likewise."""

    def __init__(self, path: Path, after: int) -> None:
        super().__init__(path)
        self._after = after

    def record(self, key: DeliveryKey, receipt: Receipt) -> None:
        super().record(key, receipt)
        self._after = _count_down(self._after)


class UploaderProcess:
    """Starts and kills one."""

    def __init__(self, port: int, uploader_id: str, folder: Path, shop: Path, **options: Any) -> None:
        self.options = {"port": port, "id": uploader_id, "folder": str(folder), "shop": str(shop), **options}
        self._process: subprocess.Popen[bytes] | None = None

    def start(self, **options: Any) -> None:
        arguments = json.dumps({**self.options, **options})
        root = Path(__file__).parents[2]
        environment = {**os.environ, "PYTHONPATH": f"{root / 'service'}{os.pathsep}{root}"}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.support.uploader_process", arguments], env=environment, cwd=root
        )

    def wait_dead(self, timeout_s: float = 60.0) -> int:
        assert self._process is not None
        return self._process.wait(timeout_s)

    def kill(self) -> None:
        if self._process is not None:
            self._process.kill()
            self._process.wait(10)
            self._process = None


def _count_down(left: int) -> int:
    if left == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    return left - 1


def main() -> None:
    options = json.loads(sys.argv[1])
    folder = Path(options["folder"])
    bus = MqttBus(
        MqttSettings(
            host="127.0.0.1",
            port=options["port"],
            client_id=f"packshot-uploader-{options['id']}",
            will_topic=f"packshot/uploader/{options['id']}/status",
            backoff_first_s=0.05,
            backoff_cap_s=0.5,
        )
    )
    target = DyingTarget(options["shop"], options.get("die_before_put", 0), options.get("die_after_put", 0))
    ledger = DyingLedger(folder / "ledger.sqlite", options.get("die_after_record", 0))
    settings = DeliverySettings(reserve_bytes=0)
    Delivery(bus, ledger, target, options["id"], folder / "work", settings).start()
    threading.Event().wait()


if __name__ == "__main__":
    main()
