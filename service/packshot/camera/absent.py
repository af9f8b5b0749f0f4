"""No camera attached: a camera like any other that never has a frame."""

import numpy as np
from numpy.typing import NDArray

from packshot.camera.port import CameraInfo
from packshot.domain import Frame
from packshot.errors import CameraError

PROBLEM = "no camera is configured; set camera.kind and camera.source"


class AbsentCamera:
    """Refuses every capture with the same line."""

    @property
    def info(self) -> CameraInfo:
        """Kind "absent"."""
        return CameraInfo(kind="absent", source="")

    @property
    def problem(self) -> str:
        """That there is none."""
        return PROBLEM

    def capture(self, triggered_at: float, timeout_s: float) -> Frame:  # noqa: ARG002  the port's signature
        """Raise CameraError."""
        raise CameraError(PROBLEM)

    def preview(self) -> NDArray[np.uint8] | None:
        """Nothing to see."""
        return None

    def close(self) -> None:
        """Nothing to let go."""
