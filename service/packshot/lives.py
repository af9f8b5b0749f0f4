"""The daemon's lives: it serves, again after a reload with the configuration as it is then, until it is stopped."""

import logging
import os
import sys
from pathlib import Path

from packshot import wiring
from packshot.config import Loaded, load
from packshot.daemon import serve
from packshot.errors import PackshotError
from packshot.kiosk.check import check_kiosk
from packshot.platform import logs
from packshot.platform.control import Control, Ending, signals

log = logging.getLogger(__name__)


def main(config_path: Path | None) -> int:
    """Serve, again after a reload; returns the exit code. Raises PackshotError when it cannot start or go on."""
    loaded = load(config_path, os.environ)
    while True:
        logs.configure(loaded.config.log.level, loaded.config.log.format)
        control = Control()
        with signals(control):
            ending = serve(loaded.config, control, lambda: _validated(config_path))
            if ending is Ending.RELOAD:
                loaded = _reloaded(config_path, loaded)
        if Ending.STOP in (ending, control.ending):  # the latter: asked for while we were closing
            return 0
        if ending is Ending.RESTART:
            os.execv(sys.executable, [sys.executable, *sys.orig_argv[1:]])  # noqa: S606 - ourselves, anew


def _reloaded(config_path: Path | None, former: Loaded) -> Loaded:
    """The configuration as it is now; one that cannot be used is said, and the former stays."""
    try:
        return _validated(config_path)
    except PackshotError as error:
        logs.event(log, "not reloaded, the former configuration stays", logging.ERROR, error=error)
        return former


def _validated(config_path: Path | None) -> Loaded:
    loaded = load(config_path, os.environ)
    wiring.check_config(loaded.config)
    check_kiosk(loaded.config.kiosk)
    return loaded
