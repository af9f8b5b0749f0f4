"""The live preview of a box: its own small network on the CPU, so that captures keep the accelerator to themselves."""

from collections.abc import Callable
from contextlib import suppress
from functools import partial

from packshot.accelerator.port import Accelerator
from packshot.config import Config
from packshot.errors import ModelError
from packshot.platform.resources import released_model
from packshot.preview import FrameSource, LivePreview
from packshot.wiring.devices import find_model

SMALL = "small"


def build_preview(config: Config, source: FrameSource, cutting: Callable[[], bool] = lambda: False) -> LivePreview:
    """A preview of what ``source`` sees; nothing is loaded before somebody watches.

    ``cutting`` is ``LivePreview``'s.
    """
    from packshot.encode.picture import FileEncoder

    return LivePreview(source, preview_engine(config), FileEncoder(threads=1), cutting=cutting)


def preview_engine(config: Config) -> Callable[[], Accelerator]:
    """Loads the network of live previews on one thread of the CPU; it raises ModelError or AcceleratorError.

    That is the released small network, or the configured one where there is no such release, or a path is configured.
    """
    return partial(_open_engine, config)


def _open_engine(config: Config) -> Accelerator:
    from packshot.accelerator.litert import LiteRT

    section = config.model
    card, path = find_model(section)
    if not section.path:
        with suppress(ModelError):
            card, path = released_model(SMALL)
    return LiteRT(path, card, threads=1, runtime=section.engine)
