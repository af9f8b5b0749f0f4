"""What the pages work on: the parts of the running daemon, as it hands them over."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from packshot.bus.port import Bus
from packshot.capture import Announce, CaptureDesk
from packshot.choices import Choices
from packshot.commands import PlainAction
from packshot.config import Loaded
from packshot.encode.port import PictureEncoder
from packshot.lamp.port import Lamp
from packshot.plates import PlateShelf
from packshot.portrait import Studio
from packshot.presets import Preset
from packshot.preview import LivePreview
from packshot.spool.port import Spool

UPDATE_STATE = Path("/var/lib/packshot-updater/state.json")


@dataclass(frozen=True)
class Stage:
    """One camera with its queue and its live picture: the product table, or the place where people sit."""

    desk: CaptureDesk
    preview: LivePreview


@dataclass(frozen=True)
class Parts:
    """``products`` and ``people`` are one stage where the box has one camera; ``studio`` makes the ID photos, if any.

    ``state`` gives what the box says of itself, ``actions`` do ``selftest``, ``reload`` and ``restart``; ``wake`` tells
    the outbox that there is something to do.
    """

    device_id: str
    name: str
    bus: Bus
    spool: Spool
    products: Stage
    people: Stage
    plates: PlateShelf
    choices: Choices
    presets: Mapping[str, Preset]
    skus: frozenset[str] | None
    lamp: Lamp
    encoder: PictureEncoder
    announce: Announce
    wake: Callable[[], None]
    state: Callable[[], dict[str, Any]]
    info: Mapping[str, Any]
    actions: Mapping[str, PlainAction]
    loaded: Callable[[], Loaded]
    studio: Studio | None
    update_state: Path = UPDATE_STATE

    @property
    def one_camera(self) -> bool:
        """Whether people are photographed by the camera that photographs products."""
        return self.products.desk is self.people.desk
