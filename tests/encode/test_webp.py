"""WebP put together from its parts, read back by two other libraries."""

from io import BytesIO

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from packshot.encode.picture import srgb_icc
from packshot.encode.webp import encode_webp


def disc(height: int, width: int, seed: int = 1) -> NDArray[np.uint8]:
    """A bright disc with a soft edge, colour zero under alpha 0."""
    rng = np.random.default_rng([height, width, seed])
    y, x = np.mgrid[:height, :width] + 0.5
    distance = np.hypot(y - height / 2, x - width / 2) - 0.35 * min(height, width)
    alpha = np.clip(0.5 - distance / 4, 0, 1)
    colour = np.clip(np.array([230, 200, 180]) + rng.normal(0, 3, (height, width, 3)), 0, 255)
    rgba = np.dstack([colour, alpha * 255]).round().astype(np.uint8)
    rgba[rgba[..., 3] == 0] = 0
    return rgba


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("shape", [(1, 1), (3, 40), (65, 33), (200, 301)])
def test_alpha_reads_back_exactly_and_the_file_is_tagged(shape: tuple[int, int], threads: int) -> None:
    rgba = disc(*shape)

    data = encode_webp(rgba, 80, srgb_icc(), threads)

    image = Image.open(BytesIO(data))
    assert (image.mode, image.info["icc_profile"]) == ("RGBA", srgb_icc())
    np.testing.assert_array_equal(np.asarray(image)[..., 3], rgba[..., 3])
    by_cv2 = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    np.testing.assert_array_equal(by_cv2[..., 3], rgba[..., 3])


def test_random_alpha_reads_back_exactly() -> None:
    rgba = np.random.default_rng(1).integers(0, 256, (77, 91, 4)).astype(np.uint8)

    image = Image.open(BytesIO(encode_webp(rgba, 80, b"icc")))

    np.testing.assert_array_equal(np.asarray(image)[..., 3], rgba[..., 3])


def test_colours_are_as_good_as_libwebps_own_also_at_the_edge() -> None:
    rgba = disc(240, 320)
    out = BytesIO()
    Image.fromarray(rgba).save(out, "WEBP", quality=85, method=0)

    ours = np.asarray(Image.open(BytesIO(encode_webp(rgba, 85, srgb_icc()))))

    def error(decoded: NDArray[np.uint8], where: NDArray[np.bool_]) -> float:
        return float(np.abs(decoded[where].astype(int) - rgba[where])[:, :3].mean())

    theirs, opaque = np.asarray(Image.open(out)), rgba[..., 3] == 255
    soft = ~opaque & (rgba[..., 3] > 25)
    assert error(ours, opaque) <= 1.05 * error(theirs, opaque)
    assert error(ours, soft) <= 1.3 * error(theirs, soft) + 0.5


def test_a_fully_transparent_picture_is_written_too() -> None:
    data = encode_webp(np.zeros((20, 30, 4), np.uint8), 80, srgb_icc())

    assert not np.asarray(Image.open(BytesIO(data)))[..., 3].any()
