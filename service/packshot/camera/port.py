"""The port of every camera."""

from dataclasses import dataclass
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from packshot.domain import Frame
from packshot.errors import CameraError


class DriverHangs(CameraError):
    """A call into the driver does not return: this process cannot open the camera again, another one may."""


@dataclass(frozen=True)
class CameraInfo:
    """What a camera says of itself; sizes in pixels, 0 where it is not known before the first frame."""

    kind: str
    source: str
    width: int = 0
    height: int = 0


class Camera(Protocol):
    """One camera. Opening is lazy: construction touches no device, so a missing camera is a state, not an exit.

    Calls come from one thread. After a CameraError the adapter has let the device go and the next call tries anew.
    """

    @property
    def info(self) -> CameraInfo:
        """Kind and source; never raises."""

    @property
    def problem(self) -> str:
        """Empty while all is well or nothing was tried yet, else one line that says why there is no picture."""

    def capture(self, triggered_at: float, timeout_s: float) -> Frame:
        """A full-resolution frame exposed after ``triggered_at`` (``time.monotonic()`` seconds).

        The frame's ``shutter`` says how well that is known. Raises CameraError when none came within ``timeout_s``
        or nothing is attached, BadImage when the device delivered something that is not a picture.
        """

    def preview(self) -> NDArray[np.uint8] | None:
        """The newest small picture (h, w, 3) uint8 sRGB, longer side at most 640, or None.

        Returns at once, opens the device in the background where that is needed, never consumes a capture, and may
        be asked as often as one likes: cameras make a new one some ten times a second at most. Raises DriverHangs.
        """

    def close(self) -> None:
        """Let the device go; calling it again does nothing."""
