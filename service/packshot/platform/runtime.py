"""``/run/packshot``, where the daemon and the updater outside the sandbox meet: a lock, a state file, a request."""

import fcntl
import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Any

from packshot.errors import RetryLater

CAPTURE_LOCK = "capture.lock"
STATE = "state.json"
UPDATE_REQUEST = "update-request"
READABLE = 0o644


class RuntimeFolder:
    """``folder`` None, as anywhere but under systemd: nobody to meet, nothing is written."""

    def __init__(self, folder: Path | None) -> None:
        self._folder = folder

    @classmethod
    def of(cls, environ: Mapping[str, str]) -> "RuntimeFolder":
        """The folder that ``RuntimeDirectory=`` made, see systemd.exec(5)."""
        named = environ.get("RUNTIME_DIRECTORY", "").partition(":")[0]
        return cls(Path(named) if named else None)

    @contextmanager
    def capture_in_hand(self) -> Iterator[None]:
        """Keep the updater from stopping us now; raises RetryLater if it is about to."""
        if self._folder is None:
            yield
            return
        descriptor = os.open(self._folder / CAPTURE_LOCK, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
        try:
            try:
                fcntl.flock(descriptor, fcntl.LOCK_SH | fcntl.LOCK_NB)
            except BlockingIOError as error:
                raise RetryLater("an update is being installed; repeat the request in a minute") from error
            yield
        finally:
            os.close(descriptor)

    def keep_state(self, state: Mapping[str, Any]) -> None:
        """Let the updater see how we do. It need not outlive a power cut; a full /run must not stop the daemon."""
        if self._folder is None:
            return
        temporary = self._folder / f"{STATE}.new"
        with suppress(OSError):
            temporary.write_text(json.dumps(state), "utf-8")
            temporary.chmod(READABLE)
            temporary.replace(self._folder / STATE)

    def request_update(self) -> bool:
        """Ask the updater to look and install what it may; False where there is none to hear it."""
        if self._folder is None:
            return False
        (self._folder / UPDATE_REQUEST).touch()
        return True
