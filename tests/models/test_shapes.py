"""Holes, prints, handles and rings that training puts on its subjects."""

import pytest

torch = pytest.importorskip("torch", reason="batches are drawn in torch, which the box does not carry")

import cv2
import numpy as np

from models.shapes import hollow, printed, shapes, with_handle
from models.warp import Random

CPU = torch.device("cpu")
BLUE = torch.tensor([0.2, 0.3, 0.9]).view(1, 3, 1, 1)


@pytest.fixture
def alpha() -> torch.Tensor:
    solid = torch.zeros(400, 1, 64, 64)
    solid[:, :, 16:48, 12:52] = 1
    return solid


def holes(alpha: torch.Tensor) -> int:
    """How many parts of the background a subject (S, S) encloses."""
    background = (alpha < 0.5).numpy().astype(np.uint8)
    return int(cv2.connectedComponents(background, connectivity=4)[0]) - 2


def test_shapes_for_holes_and_prints_lie_in_the_share_of_subjects_that_was_asked_for(alpha: torch.Tensor) -> None:
    inside = shapes(alpha, 0.15, Random(CPU, 2, 1))
    area = (inside * alpha).sum((1, 2, 3)) / alpha.sum((1, 2, 3))

    assert inside.min() >= 0
    assert inside.max() <= 1
    assert 30 < (area > 0.01).sum() < 90
    assert area.max() < 0.6


def test_print_changes_the_colour_of_some_subjects_and_nothing_outside_them(alpha: torch.Tensor) -> None:
    plain = alpha * 0.5

    inked = printed(plain.expand(-1, 3, -1, -1), alpha, 0.25, Random(CPU, 2, 1))

    assert not (inked * (1 - alpha)).any()
    assert 60 < ((inked - plain).abs().amax((1, 2, 3)) > 0.05).sum() < 140


def test_hollowed_subject_is_a_ring_of_its_own_outline(alpha: torch.Tensor) -> None:
    left = alpha * (1 - hollow(alpha, 0.25, Random(CPU, 2, 1)))

    rings = [one for one in left[:, 0] if one[31, 31] < 0.5]
    assert 60 < len(rings) < 140
    assert all(holes(ring) == 1 for ring in rings)
    assert all(bool((ring[16] == 1).sum() == 40) for ring in rings)  # the outer edge stands
    assert torch.equal(left.amax((1, 2, 3)), torch.ones(400))


def test_handle_stands_outside_the_subject_and_encloses_a_hole_in_nearly_its_colour(alpha: torch.Tensor) -> None:
    subject = torch.cat([alpha * BLUE, alpha], 1)

    held = with_handle(subject, 0.5, Random(CPU, 2, 1))

    body = alpha.expand(-1, 4, -1, -1) == 1
    assert torch.equal(held[body], subject[body])
    handled = held[(held[:, 3] - alpha[:, 0]).sum((1, 2)) > 0]
    assert 150 < len(handled) < 250
    assert np.mean([holes(one[3]) >= 1 for one in handled]) > 0.6  # some are too small for this picture, or cut off
    assert (held[:, :3] <= held[:, 3:] + 1e-6).all()  # premultiplied
    added = (held - subject)[:, :3].sum((0, 2, 3))
    assert added.argmax() == 2


def test_subject_out_of_sight_gets_no_ring_and_no_pixel_that_is_not_a_number() -> None:
    nothing = torch.zeros(4, 4, 64, 64)
    assert not hollow(nothing[:, 3:], 1.0, Random(CPU, 1, 1)).any()
    assert with_handle(nothing, 1.0, Random(CPU, 1, 1)).isfinite().all()
