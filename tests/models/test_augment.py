"""Training batches: exact masks, shadows as background, the same pictures for the same step."""

from pathlib import Path

import pytest

torch = pytest.importorskip("torch", reason="batches are drawn in torch, which the box does not carry")

from models.augment import Batch, Mix, draw, jpeg
from models.bank import Bank, bounding_boxes, load_bank
from models.scenery import cast_shadow
from models.warp import Random, fit_box, random_window, sample
from tests.models.tiny_data import SIDE, write_tiny_data

CPU = torch.device("cpu")
ONLY = {
    "photo": Mix(1, 0, 0, 0, 0),
    "upper_body": Mix(0, 1, 0, 0, 0),
    "product": Mix(0, 0, 1, 0, 0),
    "pasted": Mix(0, 0, 0, 1, 0),
    "empty": Mix(0, 0, 0, 0, 1),
}


@pytest.fixture(scope="module")
def bank(tmp_path_factory: pytest.TempPathFactory) -> Bank:
    return load_bank(write_tiny_data(tmp_path_factory.mktemp("data")), SIDE, CPU)


def one_kind(bank: Bank, kind: str, count: int = 8) -> Batch:
    return draw(bank, ONLY[kind], count, 64, seed=1, step=3)


@pytest.mark.parametrize("kind", ONLY)
def test_every_kind_fills_its_batch_within_range(bank: Bank, kind: str) -> None:
    batch = one_kind(bank, kind)
    assert batch.pictures.shape == (8, 3, 64, 64)
    assert batch.masks.shape == (8, 1, 64, 64)
    assert batch.exact.shape == (8,)
    for values in (batch.pictures, batch.masks):
        assert values.min() >= 0
        assert values.max() <= 1
    assert batch.pictures.isfinite().all()


def test_empty_scenes_have_no_subject_and_the_others_have_one(bank: Bank) -> None:
    assert one_kind(bank, "empty").masks.max() == 0
    for kind in ("product", "pasted", "upper_body"):
        assert (one_kind(bank, kind).masks.amax((1, 2, 3)) > 0.9).all()


def test_only_renders_and_empty_scenes_count_as_exact(bank: Bank) -> None:
    assert one_kind(bank, "product").exact.all()
    assert one_kind(bank, "empty").exact.all()
    assert not one_kind(bank, "pasted").exact.any()
    assert not one_kind(bank, "upper_body").exact.any()


def test_half_of_the_windows_show_the_picture_as_sharp_as_it_is_or_its_mirror_image() -> None:
    pictures = torch.rand(1, 3, 32, 32).expand(200, -1, -1, -1)
    windows = random_window(200, Random(CPU, 1, 1), 0.6, 1.0, whole=0.5)
    seen = sample(pictures, windows, 32, "reflection")
    same, mirrored = ((seen - other).abs().amax((1, 2, 3)) < 1e-3 for other in (pictures, pictures.flip(3)))
    assert 30 < same.sum() < 70
    assert 30 < mirrored.sum() < 70


def test_cutouts_that_are_only_moved_are_as_sharp_as_they_are() -> None:
    source = torch.zeros(200, 1, 64, 64)
    source[:, :, 20:41, 10:33] = (torch.arange(21)[:, None] * 7 + torch.arange(23) ** 2).float() % 11 + 1
    boxes = torch.tensor([[20 / 64 - 1, 40 / 64 - 1, 66 / 64 - 1, 82 / 64 - 1]]).expand(200, -1)
    placed = sample(source, fit_box(boxes, Random(CPU, 1, 1), 0.3, 0.9, still=1.0, size=64), 64, "zeros")

    for one in placed[:, 0]:
        rows, columns = ((one > 0.5).any(axis).nonzero()[:, 0] for axis in (1, 0))
        there = one[rows[0] : rows[-1] + 1, columns[0] : columns[-1] + 1]
        patches = [source[0, 0, 20:41, 10:33], source[0, 0, 20:41, 10:33].flip(1)]
        assert min(float((there - patch).abs().max()) for patch in patches if patch.shape == there.shape) < 1e-3


def test_same_step_draws_the_same_pictures_and_another_step_others(bank: Bank) -> None:
    first, again, other = (draw(bank, Mix(), 16, 64, seed=1, step=step) for step in (7, 7, 8))
    assert torch.equal(first.pictures, again.pictures)
    assert torch.equal(first.masks, again.masks)
    assert not torch.equal(first.pictures, other.pictures)


def test_shadow_darkens_the_scene_around_the_subject_and_nowhere_brightens() -> None:
    alpha = torch.zeros(4, 1, 64, 64)
    alpha[:, :, 16:48, 24:40] = 1
    scene = torch.full((4, 3, 64, 64), 0.9)
    shaded = cast_shadow(scene, alpha, Random(CPU, 1, 1))
    assert (shaded <= scene + 1e-6).all()
    below = shaded[:, :, 48:54, 24:40]
    assert below.mean() < 0.88
    assert shaded[:, :, :4].min() > 0.85


@pytest.mark.parametrize("seed", range(6))
def test_fitted_box_lies_in_the_frame_at_the_asked_size(seed: int) -> None:
    source = torch.zeros(1, 1, 100, 100)
    source[:, :, 10:30, 50:90] = 1
    boxes = torch.from_numpy(bounding_boxes((source[:, 0] * 255).byte().numpy()))
    assert boxes[0].tolist() == pytest.approx([0.0, -0.8, 0.8, -0.4])
    placed = sample(source, fit_box(boxes, Random(CPU, seed, 0), 0.5, 0.5), 64, "zeros")[0, 0]
    columns = (placed > 0.5).any(0).nonzero()
    assert 0.4 * 64 <= columns.max() - columns.min() + 1 <= 0.6 * 64
    area = float(placed.sum()) / 64**2
    assert area == pytest.approx(0.5 * 0.25, rel=0.1)  # half the side long, a quarter high


def test_jpeg_blocks_lose_detail_but_keep_the_mean() -> None:
    picture = torch.rand(2, 3, 32, 32, generator=torch.Generator().manual_seed(1))
    fine, coarse = (jpeg(picture, torch.full((2, 1, 1, 1), step)) for step in (1e-5, 0.1))
    assert torch.allclose(fine, picture, atol=1e-3)
    assert (coarse - picture).abs().mean() > 0.02
    assert coarse.mean().item() == pytest.approx(picture.mean().item(), abs=0.02)


def test_bank_without_cutouts_clear_of_the_frame_is_not_needed(tmp_path: Path) -> None:
    bank = load_bank(write_tiny_data(tmp_path), SIDE, CPU, limit=2)
    assert len(bank.whole) >= 1
    assert len(bank.people) >= 1
