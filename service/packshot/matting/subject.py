"""A subject in its box: photo, alpha and colours, made into straight-alpha pixels at the size that is asked for."""

from collections.abc import Callable
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.band import Place, Run
from packshot.matting.compose import lay_on_colour, resize, scale_rgba
from packshot.matting.foreground import Colours, decontaminate, lay_subject

RGB8 = NDArray[np.uint8]
RGBA8 = NDArray[np.uint8]
Alpha8 = NDArray[np.uint8]


@dataclass(frozen=True)
class Subject:
    """The photo (h, w, 3) inside the subject's box and its alpha (h, w), both uint8.

    ``colours`` gives those of the whole photo, perhaps still in the making; ``place`` is the box in it. Without them
    the soft edge of ``rgb`` has the subject's own colour already.
    """

    rgb: RGB8
    alpha: Alpha8
    colours: Callable[[], Colours] | None = None
    place: Place | None = None

    def rgba(self, run: Run = map) -> RGBA8:
        """(h, w, 4) uint8 straight alpha, zero where alpha is; ``run`` may do strips at the same time."""
        if not self.alpha.size:
            return np.zeros((*self.alpha.shape, 4), np.uint8)
        if self.colours is None:
            return np.asarray(cv2.copyTo(np.dstack([self.rgb, self.alpha]), self.alpha), np.uint8)
        rgb, alpha = np.ascontiguousarray(self.rgb), np.ascontiguousarray(self.alpha)
        return decontaminate(rgb, alpha, self.colours(), self.place, run)

    def lay(self, canvas: RGB8, left: int, top: int, width: int, height: int, run: Run = map) -> None:
        """``scaled`` laid on a canvas (H, W, 3) uint8 of one colour, its top left pixel at (left, top)."""
        if self.colours is None:
            red, green, blue = (int(value) for value in canvas[0, 0])
            laid = lay_on_colour(self.scaled(width, height), (red, green, blue))
            canvas[top : top + height, left : left + width] = laid
            return
        rgb, alpha = (np.ascontiguousarray(resize(part, width, height)) for part in (self.rgb, self.alpha))
        lay_subject(rgb, alpha, self.colours(), self.place, canvas, (left, top), run)

    def scaled(self, width: int, height: int, run: Run = map) -> RGBA8:
        """The same at (height, width, 4).

        Photo and alpha are scaled first, and the edge gets its colour at the new size: fewer pixels, same mixture.
        """
        if self.alpha.shape == (height, width):
            return self.rgba(run)
        if self.colours is None:
            return scale_rgba(self.rgba(), width, height)
        rgb, alpha = resize(self.rgb, width, height), resize(self.alpha, width, height)
        return decontaminate(rgb, alpha, self.colours(), self.place, run)
