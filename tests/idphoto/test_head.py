"""Heads measured against heads drawn: chin, crown, hair."""

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from skimage import data

from packshot.idphoto.faces import FaceFinder
from packshot.idphoto.findings import Face
from packshot.idphoto.head import covers_face, measure_head
from tests.idphoto.heads import LIGHT_GREY, Look, Truth, any_look, render


def plain_alpha(photo: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """The person as what is not the plain background."""
    far = np.abs(photo.astype(np.int16) - np.array(LIGHT_GREY)).max(axis=2) > 28
    closed = cv2.morphologyEx(far.astype(np.uint8), cv2.MORPH_CLOSE, np.ones((9, 9), np.uint8))
    return np.asarray(closed * 255, np.uint8)


def drawn_face(truth: Truth) -> Face:
    """The face as a perfect finder would give it."""
    apart = truth.right_eye[0] - truth.left_eye[0]
    box = (
        round(truth.left_eye[0] - 0.8 * apart),
        round(truth.left_eye[1] - apart),
        round(2.6 * apart),
        round(2.6 * apart),
    )
    return Face(box, truth.left_eye, truth.right_eye, 0.0, 2, 50.0)


@pytest.mark.parametrize("hair_up", [0.0, 0.03, 0.08, 0.16, 0.25])
def test_the_head_is_measured_whatever_the_hair(hair_up: float) -> None:
    photo, truth = render(Look(hair_up=hair_up, hair_side=hair_up))
    head = measure_head(photo, plain_alpha(photo), drawn_face(truth))
    assert head.height / (truth.chin[1] - truth.crown[1]) == pytest.approx(1.0, abs=0.065)
    assert head.hair_top == pytest.approx(truth.crown[1] - hair_up * 390, abs=4) or hair_up == 0.0


def test_much_hair_makes_us_less_sure_of_the_crown() -> None:
    errors = []
    for hair_up in (0.02, 0.25):
        photo, truth = render(Look(hair_up=hair_up))
        errors.append(measure_head(photo, plain_alpha(photo), drawn_face(truth)).crown_error)
    assert errors[1] > 1.5 * errors[0]


def test_without_an_alpha_the_crown_is_what_the_face_lets_expect() -> None:
    photo, truth = render(Look())
    blind = measure_head(photo, None, drawn_face(truth))
    seeing = measure_head(photo, plain_alpha(photo), drawn_face(truth))
    assert blind.crown == pytest.approx(truth.crown[1], abs=0.06 * 390)
    assert blind.confidence < seeing.confidence


@pytest.mark.parametrize("size", [0.4, 1.0, 1.7])
def test_the_figures_follow_the_size_of_the_photo(size: float) -> None:
    photo, truth = render(Look())
    alpha, face = plain_alpha(photo), drawn_face(truth)
    whole = measure_head(photo, alpha, face)
    scaled = measure_head(
        cv2.resize(photo, None, fx=size, fy=size, interpolation=cv2.INTER_AREA),
        np.asarray(cv2.resize(alpha, None, fx=size, fy=size, interpolation=cv2.INTER_AREA), np.uint8),
        whole.scaled(size).face,
    )
    assert scaled.height / whole.height == pytest.approx(size, rel=0.03)


def test_the_astronauts_chin_and_crown(finder: FaceFinder) -> None:
    photo = data.astronaut()
    (face,) = finder.find(photo)
    head = measure_head(photo, None, face)
    assert head.chin == pytest.approx(178, abs=6)  # by eye, at four times the size
    assert head.crown == pytest.approx(22, abs=10)


def test_an_alpha_that_misses_the_face_is_known_as_such() -> None:
    photo, truth = render(Look())
    alpha, face = plain_alpha(photo), drawn_face(truth)
    assert covers_face(alpha, face)
    alpha[: int(truth.chin[1])] = 0
    assert not covers_face(alpha, face)


def test_chin_and_crown_over_many_heads(finder: FaceFinder) -> None:
    """The quality figure of this room, with a perfect alpha: root mean square errors in head heights."""
    errors = []
    for seed in range(12):
        photo, truth = render(any_look(700 + seed, ("I", "II", "III", "IV")[seed % 4], slope=0.0))
        head = measure_head(photo, plain_alpha(photo), finder.find(photo)[0])
        tall = truth.chin[1] - truth.crown[1]
        errors.append(((head.chin - truth.chin[1]) / tall, (head.crown - truth.crown[1]) / tall))
    chin, crown = np.sqrt(np.mean(np.square(errors), axis=0))
    assert chin < 0.022
    assert crown < 0.040


def test_the_darkest_skin_has_as_clear_a_chin(finder: FaceFinder) -> None:
    errors = []
    for seed in (300, 302, 402, 404, 405, 408):
        photo, truth = render(any_look(seed, "VI"))
        photo = cv2.imdecode(
            cv2.imencode(".jpg", photo[..., ::-1], (cv2.IMWRITE_JPEG_QUALITY, 90))[1], cv2.IMREAD_COLOR
        )
        chin = measure_head(photo[..., ::-1], None, finder.find(photo[..., ::-1])[0]).chin
        errors.append((chin - truth.chin[1]) / (truth.chin[1] - truth.crown[1]))
    assert np.sqrt(np.mean(np.square(errors))) < 0.018
