"""Clean-up: specks go, handles stay open, several products stay or come out one by one."""

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.matting.cleanup import drop_specks, split_subjects
from packshot.matting.refine import EdgeSettings, Matte, Profile, coarse_matte, fine_alpha
from tools.make_scenes import make_scene


def matte_of(mask: NDArray[np.float32]) -> Matte:
    """A matte whose photo shows exactly the mask, black on gray."""
    photo = np.repeat((mask[..., None] * 120 + 60).astype(np.uint8), 3, axis=2)
    return coarse_matte(cv2.resize(photo, None, fx=2, fy=2), mask, Profile.HARD, EdgeSettings())


def disc(x: int, y: int, radius: int) -> NDArray[np.float32]:
    mask = np.zeros((160, 160), np.float32)
    cv2.circle(mask, (x, y), radius, 1.0, -1)
    return mask


def test_specks_go_and_the_product_stays() -> None:
    clean = disc(80, 80, 40)
    matte = drop_specks(matte_of(np.maximum(clean, disc(20, 20, 1))), share=0.02)

    assert matte.alpha[:80, :80].max() == 0
    assert matte.alpha[160, 160] == 1
    assert (fine_alpha(np.full((320, 320, 3), 90, np.uint8), matte, EdgeSettings())[:80, :80] == 0).all()


def test_several_products_all_stay() -> None:
    mask = np.maximum(disc(45, 80, 30), disc(115, 80, 20))

    matte = drop_specks(matte_of(mask))

    assert matte.alpha[160, 90] == 1
    assert matte.alpha[160, 230] == 1


def test_a_hole_stays_open() -> None:
    matte = drop_specks(matte_of(disc(80, 80, 50) - disc(80, 80, 20)))

    assert matte.alpha[160, 160] == 0
    assert matte.alpha[160, 90] == 1


def test_nothing_at_all_is_left_alone() -> None:
    assert drop_specks(matte_of(np.zeros((160, 160), np.float32))).alpha.max() == 0


def test_three_products_come_out_from_left_to_right() -> None:
    alpha = np.rint(make_scene("several", 450, 600, 1).alpha * 255).astype(np.uint8)

    parts = split_subjects(alpha)

    assert len(parts) == 3
    lefts = [cv2.boundingRect(part)[0] for part in parts]
    assert lefts == sorted(lefts)
    np.testing.assert_array_equal(np.maximum.reduce(parts), alpha)
    assert (sum((part > 0).astype(int) for part in parts) <= 1).all()


def test_one_product_is_not_split() -> None:
    alpha = np.rint(make_scene("mug", 300, 400, 1).alpha * 255).astype(np.uint8)

    assert len(split_subjects(alpha)) == 1
    assert len(split_subjects(np.zeros((5, 5), np.uint8))) == 1
