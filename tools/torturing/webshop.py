"""A storefront behind HTTP that keeps books: what it shows, and in a folder every revision that it ever showed.

The folder has the layout of the folder storefront, so that the same judge can look at it. It changes only when a
sidecar says that a delivery is complete.
"""

import random
import shutil
from dataclasses import dataclass, field
from pathlib import Path

from packshot.storefront.targets.naming import SIDECAR, SUPERSEDED, sha256_hex
from packshot.storefront.targets.record import Record, decode_record
from tests.support.shop_server import LOST, ShopServer

MISHAPS: tuple[tuple[int, dict[str, str]], ...] = ((503, {"Retry-After": "1"}), (500, {}), (LOST, {}))


@dataclass
class WebShop(ShopServer):
    """``folder`` is where the books are kept; ``None`` for an object store, which shows nothing to anybody."""

    folder: Path | None = None
    shown: dict[str, Record] = field(default_factory=dict)  # key of the sidecar -> what is complete there

    def store(self, name: str, body: bytes) -> None:
        """Keep the object, and the books."""
        super().store(name, body)
        record = decode_record(body) if name.endswith(SIDECAR) else None
        if record is not None and not record.pending and self.folder is not None:
            self._publish(name, record, self.folder)

    def mishap(self, chance: random.Random) -> None:
        """The next PUT goes wrong: refused for now, or done and never answered."""
        self.answers.append(chance.choice(MISHAPS))

    def unfinished(self) -> list[str]:
        """Sidecars of deliveries that are not all written yet."""
        with self.lock:
            sidecars = {name: decode_record(body) for name, body in self.objects.items() if name.endswith(SIDECAR)}
        return sorted(name for name, record in sidecars.items() if record is None or record.pending)

    def problems(self) -> list[str]:
        """Deliveries that are on show and not whole, one line each; all must be quiet."""
        found = [f"{name} is not complete" for name in self.unfinished()]
        with self.lock:
            for name in sorted(name for name in self.objects if name.endswith(SIDECAR)):
                record = decode_record(self.objects[name])
                if record is None or record.pending:
                    continue
                home = name.rpartition("/")[0]
                for artefact, file in record.files.items():
                    if sha256_hex(self.objects.get(f"{home}/{file}", b"")) != record.sha256s[artefact]:
                        found.append(f"{home}/{file} is not what its sidecar says")
            return found

    def _publish(self, name: str, record: Record, folder: Path) -> None:
        home = folder / Path(name).parent
        home.mkdir(parents=True, exist_ok=True)
        former = self.shown.get(name)
        if former is not None and former.capture_id != record.capture_id:
            kept = home / SUPERSEDED / former.capture_id
            kept.mkdir(parents=True, exist_ok=True)
            for file in (*former.files.values(), Path(name).name):
                shutil.move(home / file, kept / file)
        prefix = name.rpartition("/")[0]
        for file in (*record.files.values(), Path(name).name):
            (home / file).write_bytes(self.objects.get(f"{prefix}/{file}", b""))
        self.shown[name] = record
