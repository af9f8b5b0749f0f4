"""Where everything lies on a box, below one root ("/" on a real one, any folder in a test)."""

from dataclasses import dataclass
from pathlib import Path

COMPLETE = ".complete"
RELEASE = "release.json"
MANIFEST = "manifest.json"
SYSTEM_FOLDERS = {
    "systemd": "systemd/system",
    "udev": "udev/rules.d",
    "sysusers.d": "sysusers.d",
    "tmpfiles.d": "tmpfiles.d",
}
"""Folder in ``deploy/`` -> folder below ``/usr/local/lib``."""


@dataclass(frozen=True)
class Layout:
    """The box's paths; see the README for what each holds."""

    root: Path = Path("/")

    @property
    def prefix(self) -> Path:
        """The release's home."""
        return self.root / "opt/packshot"

    @property
    def releases(self) -> Path:
        """The slots."""
        return self.prefix / "releases"

    @property
    def current(self) -> Path:
        """The symlink to the slot that runs."""
        return self.prefix / "current"

    @property
    def updater(self) -> Path:
        """The home of the updater's own environments."""
        return self.prefix / "updater"

    @property
    def memory(self) -> Path:
        """What the updater must not forget."""
        return self.root / "var/lib/packshot-updater"

    @property
    def state(self) -> Path:
        """Where the update stands."""
        return self.memory / "state.json"

    @property
    def history(self) -> Path:
        """What happened, one line per event."""
        return self.memory / "history.jsonl"

    @property
    def metadata(self) -> Path:
        """TUF's trusted metadata."""
        return self.memory / "metadata"

    @property
    def downloads(self) -> Path:
        """Verified files of releases, and partial ones."""
        return self.memory / "downloads"

    @property
    def lock(self) -> Path:
        """Held by the one updater that works."""
        return self.memory / "lock"

    @property
    def state_lock(self) -> Path:
        """Held while the state is read and written, never longer."""
        return self.memory / "state.lock"

    @property
    def guarded(self) -> Path:
        """There while a start of the daemon counts; the guard's unit looks at nothing else."""
        return self.memory / "guarded"

    @property
    def pending(self) -> Path:
        """There while a release is in probation; the watch's unit looks at nothing else."""
        return self.memory / "pending"

    @property
    def anchor(self) -> Path:
        """The root metadata this box was given at installation."""
        return self.root / "etc/packshot/update/root.json"

    @property
    def request(self) -> Path:
        """Touched by the daemon on behalf of MQTT."""
        return self.root / "run/packshot/update-request"

    @property
    def capture_lock(self) -> Path:
        """Held by the daemon while a capture is in hand."""
        return self.root / "run/packshot/capture.lock"

    @property
    def daemon_state(self) -> Path:
        """What the daemon last said of itself."""
        return self.root / "run/packshot/state.json"

    @property
    def boot_id(self) -> Path:
        """Another one after each boot."""
        return self.root / "proc/sys/kernel/random/boot_id"

    def system_file(self, folder: str, name: str) -> Path:
        """Where a file of ``deploy/<folder>/`` is installed."""
        return self.root / "usr/local/lib" / SYSTEM_FOLDERS[folder] / name
