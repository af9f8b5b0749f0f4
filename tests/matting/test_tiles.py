"""Tiles cut, filtered and pasted are the picture filtered where it is busy."""

import cv2
import numpy as np
import pytest

from packshot.matting import tiles
from packshot.matting.tiles import TileGrid


@pytest.mark.parametrize("shape", [(1, 1), (7, 40), (64, 64), (65, 33), (100, 30)])
@pytest.mark.parametrize(("tile", "margin"), [(8, 0), (16, 2), (32, 5)])
def test_a_cut_and_pasted_picture_is_the_same(shape: tuple[int, int], tile: int, margin: int) -> None:
    picture = np.random.default_rng([*shape, tile]).integers(0, 256, (*shape, 3)).astype(np.uint8)
    grid = TileGrid.over(np.full(shape, 255, np.uint8), tile, margin)

    padded = grid.padded(picture)
    copy = np.zeros_like(padded)
    for batch in grid.batches():
        grid.paste(grid.cut(padded, batch), batch, copy)

    np.testing.assert_array_equal(grid.unpadded(copy), picture)


def test_a_filter_over_tiles_is_the_filter_over_the_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(tiles, "BATCH_PIXELS", 2000)
    picture = np.random.default_rng(1).integers(0, 256, (90, 130, 3)).astype(np.uint8)
    busy = np.zeros((90, 130), np.uint8)
    cv2.circle(busy, (60, 40), 25, 255, 1)
    grid = TileGrid.over(busy, 16, 2)

    padded = grid.padded(picture)
    pasted = np.zeros_like(padded)
    for batch in grid.batches():
        blurred = [cv2.blur(tile, (5, 5)) for tile in grid.cut(padded, batch)]
        grid.paste(np.stack(blurred).astype(np.uint8), batch, pasted)

    filtered, wanted = grid.unpadded(pasted), cv2.blur(picture, (5, 5), borderType=cv2.BORDER_REPLICATE)
    np.testing.assert_array_equal(filtered[busy > 0], wanted[busy > 0])
    assert not filtered[:10, :10].any()


@pytest.mark.parametrize("shape", [(1, 1), (7, 40), (64, 33)])
def test_one_tile_may_hold_the_whole_picture(shape: tuple[int, int]) -> None:
    picture = np.random.default_rng(shape).integers(0, 256, (*shape, 3)).astype(np.uint8)
    grid = TileGrid.whole(*shape, 4)

    padded = grid.padded(picture)
    (batch,) = grid.batches()
    copy = np.zeros_like(padded)
    grid.paste(grid.cut(padded, batch), batch, copy)

    np.testing.assert_array_equal(grid.unpadded(copy), picture)


def test_nothing_busy_gives_no_batches() -> None:
    assert list(TileGrid.over(np.zeros((50, 50), np.uint8), 16, 2).batches()) == []
