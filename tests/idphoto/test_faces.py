"""Faces and pupils: found where they were drawn, in every skin tone and tilt; none where nobody is."""

from pathlib import Path

import cv2
import numpy as np
import pytest
from skimage import data

from packshot.errors import ConfigError
from packshot.idphoto.faces import LIVE_SIDE, FaceFinder, pupil_centre
from tests.idphoto.heads import SKINS, Look, any_look, render


@pytest.mark.parametrize("tone", SKINS)
def test_one_face_and_both_pupils_in_every_skin_tone(finder: FaceFinder, tone: str) -> None:
    photo, truth = render(any_look(41, tone))
    (face,) = finder.find(photo)
    apart = np.hypot(*np.subtract(truth.left_eye, truth.right_eye))
    errors = [
        np.hypot(*np.subtract(found, drawn)) / apart
        for found, drawn in ((face.left_eye, truth.left_eye), (face.right_eye, truth.right_eye))
    ]
    assert max(errors) < 0.06


@pytest.mark.parametrize("roll", [-25.0, -10.0, 10.0, 25.0])
def test_a_tilted_head_is_found_and_its_tilt_told(finder: FaceFinder, roll: float) -> None:
    photo, _ = render(Look(roll_deg=roll))
    (face,) = finder.find(photo)
    assert face.roll_deg == pytest.approx(roll, abs=3.0)


def test_the_astronaut_is_found_live_and_still(finder: FaceFinder) -> None:
    for side in (LIVE_SIDE, 640):
        (face,) = finder.find(data.astronaut(), side)
        assert face.left_eye == pytest.approx((204, 101), abs=4)
        assert face.right_eye == pytest.approx((247, 102), abs=4)
        assert face.eyes_seen == 2


def test_two_people_are_two_faces_the_nearer_first(finder: FaceFinder) -> None:
    near, far = render(any_look(42, "II", head_px=420.0))[0], render(any_look(43, "IV", head_px=330.0))[0]
    faces = finder.find(np.hstack([far, near]))
    assert [face.box[0] > 900 for face in faces] == [True, False]


@pytest.mark.parametrize("name", ["chelsea", "coffee", "rocket", "brick", "gravel", "page", "coins"])
def test_cats_cups_and_walls_are_nobody(finder: FaceFinder, name: str) -> None:
    picture = getattr(data, name)()
    pixels = np.ascontiguousarray(picture if picture.ndim == 3 else np.dstack([picture] * 3))
    assert finder.find(pixels) == []


def test_a_pupil_is_found_to_half_a_pixel() -> None:
    eye = np.full((60, 90), 190, np.uint8)
    cv2.ellipse(eye, (50, 28), (26, 12), 0, 0, 360, 240, -1)
    cv2.circle(eye, (50, 28), 11, 60, -1)
    assert pupil_centre(eye) == pytest.approx((50, 28), abs=2.0)


def test_missing_cascades_are_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match=r"haarcascade_frontalface_alt2\.xml is missing"):
        FaceFinder(tmp_path)
