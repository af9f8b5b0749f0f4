"""Figures for setting a camera up."""

import cv2
import numpy as np
import pytest

from packshot.kiosk.meter import BINS, decode, measure
from packshot.platform.resources import golden_photo


def photo() -> np.ndarray:
    bgr = cv2.imdecode(np.frombuffer(golden_photo(), np.uint8), cv2.IMREAD_COLOR)
    return cv2.resize(bgr, (640, 480), interpolation=cv2.INTER_AREA)[..., ::-1].copy()


def test_the_histogram_is_the_slow_obvious_one() -> None:
    rgb = photo()
    meter = measure(rgb)
    for channel in range(3):
        slow = [0] * BINS
        for value in rgb[..., channel].ravel().tolist():
            slow[value // 4] += 1
        assert meter.histogram[channel] == pytest.approx([count / (640 * 480) for count in slow], abs=1e-5)


def test_blur_lowers_focus_step_by_step_and_light_does_not() -> None:
    rgb = photo()
    sharp = measure(rgb).focus
    blurred = [measure(cv2.GaussianBlur(rgb, (0, 0), sigma)).focus for sigma in (0.7, 1.5, 3.0)]
    assert sharp > blurred[0] > blurred[1] > blurred[2]
    dimmed = measure((rgb * 0.5).astype(np.uint8)).focus
    assert dimmed == pytest.approx(sharp, rel=0.05)


@pytest.mark.parametrize(("value", "light", "dark"), [(255, 1.0, 0.0), (0, 0.0, 1.0), (128, 0.0, 0.0)])
def test_clipping_is_counted_at_both_ends(value: int, light: float, dark: float) -> None:
    meter = measure(np.full((8, 8, 3), value, np.uint8))
    assert (meter.light, meter.dark) == (light, dark)


def test_what_is_no_picture_is_refused() -> None:
    with pytest.raises(ValueError, match="not a picture"):
        decode(b"not a picture")
