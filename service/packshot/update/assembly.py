"""From paths and configuration to a box with real parts. (``wiring`` would import what this environment lacks.)"""

import ssl
import sys
import time
from collections.abc import Callable, Mapping
from pathlib import Path

from packshot.errors import ConfigError
from packshot.platform.clock import SystemClock
from packshot.update.box import Box, machine_name
from packshot.update.builder import VenvBuilder
from packshot.update.fetcher import Source
from packshot.update.layout import Layout
from packshot.update.problems import UpdateRefused
from packshot.update.repository import Repository, TufRepository, read_anchor
from packshot.update.service import SystemdService
from packshot.update.settings import Settings, load_settings
from packshot.update.sources import FolderSource, HttpSource
from packshot.update.state import Progress, StateFile

SCRATCH = "scratch"
PROGRESS_EVERY_S = 5.0


def build_box(config: Path | None, environ: Mapping[str, str], say: Callable[[str], None]) -> Box:
    """The box that we run on; raises ConfigError."""
    layout, clock = Layout(), SystemClock()
    return Box(
        layout,
        load_settings(config, environ),
        clock,
        StateFile(layout, clock),
        VenvBuilder(layout.memory / SCRATCH),
        SystemdService(layout),
        machine_name(),
        say,
        time.sleep,
    )


def open_repository(box: Box, folder: Path | None) -> Repository:
    """The repository in ``folder``, or the one that the configuration names."""
    base, source = _folder(folder) if folder else _web(box.settings)
    anchor = read_anchor(box.layout.anchor)
    return TufRepository(box.layout, box.clock, anchor, base, source, _Meter(box.states))


def say_to_stderr(text: str) -> None:
    """A line for people."""
    print(f"packshot update: {text}", file=sys.stderr, flush=True)


class _Meter:
    """Counts bytes into the state now and then; the daemon shows them."""

    def __init__(self, states: StateFile) -> None:
        self._states = states
        self._bytes = 0
        self._due = 0.0

    def __call__(self, count: int) -> None:
        self._bytes += count
        if time.monotonic() >= self._due:
            self._due = time.monotonic() + PROGRESS_EVERY_S
            now = self._states.load().progress
            self._states.set(progress=Progress(min(max(self._bytes, now.bytes), now.of), now.of))


def _folder(folder: Path) -> tuple[str, Source]:
    if not (folder / "metadata").is_dir():
        raise UpdateRefused(f"{folder} is no copy of a repository: it has no folder metadata/")
    return folder.resolve().as_uri(), FolderSource()


def _web(settings: Settings) -> tuple[str, Source]:
    url = settings.update.url
    if not url.startswith(("https://", "http://")):
        raise ConfigError("update.url is not set to an http or https address; set it, or name a folder with --from")
    try:
        context = ssl.create_default_context(cafile=settings.update.ca_file or None)
    except OSError as error:
        raise ConfigError(f"update.ca_file = {settings.update.ca_file!r}: {error.strerror or error}") from error
    token = Path(settings.update.token_file) if settings.update.token_file else None
    return url, HttpSource(context, token)
