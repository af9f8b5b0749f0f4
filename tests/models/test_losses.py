"""Losses against the slow obvious version."""

import numpy as np
import pytest

torch = pytest.importorskip("torch", reason="losses are written in torch, which the box does not carry")

from models import losses


def random_pair(height: int, width: int) -> tuple[torch.Tensor, torch.Tensor]:
    generator = torch.Generator().manual_seed(height * 100 + width)
    return tuple(torch.rand(2, 1, height, width, generator=generator) for _ in range(2))  # type: ignore[return-value]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 7), (12, 12), (17, 5)])
def test_soft_iou_is_counted_pixel_by_pixel(height: int, width: int) -> None:
    mask, target = random_pair(height, width)
    for n, found in enumerate(losses.soft_iou(mask, target)):
        inside = outside = 1.0
        for m, t in zip(mask[n].flatten().tolist(), target[n].flatten().tolist(), strict=True):
            inside += m * t
            outside += m + t - m * t
        assert found.item() == pytest.approx(1 - inside / outside, abs=1e-5)


@pytest.mark.parametrize(("height", "width"), [(1, 1), (3, 7), (12, 12), (17, 5)])
def test_jaccard_metric_is_error_over_union_pixel_by_pixel(height: int, width: int) -> None:
    mask, target = random_pair(height, width)
    for n, found in enumerate(losses.jaccard_metric(mask, target)):
        error, union = 0.0, losses.ALPHA_SLACK * height * width  # a random target is never empty
        for m, t in zip(mask[n].flatten().tolist(), target[n].flatten().tolist(), strict=True):
            error += abs(m - t)
            union += max(m, t)
        assert found.item() == pytest.approx(error / union, abs=1e-5)


def test_the_same_share_of_a_small_product_weighs_as_much_as_of_a_large_one() -> None:
    target = torch.zeros(2, 1, 40, 40)
    target[0, :, 4:12, 4:12] = target[1, :, 4:36, 4:36] = 1
    small, large = losses.jaccard_metric(target * 0.9, target).tolist()
    assert large / small < 2.5  # a plain mean: 16
    assert losses.jaccard_metric(target, target).tolist() == [0, 0]


@pytest.mark.parametrize(("height", "width"), [(1, 1), (9, 20), (31, 17)])
def test_edge_entropy_is_weighted_pixel_by_pixel(height: int, width: int) -> None:
    logits, target = random_pair(height, width)
    reach = losses.EDGE_SPAN // 2
    for n, found in enumerate(losses.edge_entropy(logits, target)):
        total = weights = 0.0
        for y, x in np.ndindex(height, width):
            around = target[n, 0, max(0, y - reach) : y + reach + 1, max(0, x - reach) : x + reach + 1].mean()
            weight = 1 + losses.EDGE_WEIGHT * abs(around - target[n, 0, y, x])
            probability = torch.sigmoid(logits[n, 0, y, x])
            truth = target[n, 0, y, x]
            total -= weight * (truth * probability.log() + (1 - truth) * (1 - probability).log())
            weights += weight
        assert found.item() == pytest.approx(float(total / weights), abs=1e-4)


def test_an_empty_scene_that_is_wholly_mistaken_still_has_a_slope() -> None:
    nothing = torch.zeros(1, 1, 20, 20)
    wrong, less = torch.full_like(nothing, 0.9), torch.full_like(nothing, 0.8)
    assert losses.jaccard_metric(wrong, nothing) - losses.jaccard_metric(less, nothing) > 0.005


@pytest.mark.parametrize(("height", "width"), [(16, 16), (23, 31)])
def test_dissimilarity_agrees_with_scikit_image_away_from_the_border(height: int, width: int) -> None:
    metrics = pytest.importorskip("skimage.metrics", reason="scikit-image is the reference")
    mask, target = random_pair(height, width)
    a, b = (x[0, 0].numpy().astype(np.float64) for x in (mask, target))
    options = {"gaussian_weights": True, "sigma": 1.5, "use_sample_covariance": False, "data_range": 1.0, "full": True}
    reference = metrics.structural_similarity(a, b, **options)[1]
    inner = np.s_[5:-5, 5:-5]
    padded = [torch.from_numpy(x[None, None]) for x in (a, b)]
    mean_a, mean_b = losses._smooth(padded[0]), losses._smooth(padded[1])
    covariance = losses._smooth(padded[0] * padded[1]) - mean_a * mean_b
    variance = [losses._smooth(x * x) - losses._smooth(x) ** 2 for x in padded]
    c1, c2 = 1e-4, 9e-4
    ssim = (2 * mean_a * mean_b + c1) * (2 * covariance + c2)
    ssim = ssim / ((mean_a**2 + mean_b**2 + c1) * (variance[0] + variance[1] + c2))
    assert ssim[0, 0].numpy()[inner] == pytest.approx(reference[inner], abs=1e-6)
    assert losses.dissimilarity(*padded).item() == pytest.approx(1 - ssim.mean().item(), abs=1e-6)


def outputs_for(target: torch.Tensor, sharpness: float) -> list[torch.Tensor]:
    shrunk = [torch.nn.functional.avg_pool2d(target, n) for n in (4, 2)]
    return [(2 * x - 1) * sharpness for x in shrunk]


def test_right_answer_costs_almost_nothing_and_the_inverse_much() -> None:
    target = torch.zeros(2, 1, 32, 32)
    target[..., 8:24, 8:24] = 1
    drawn = torch.zeros(2)
    assert losses.total(outputs_for(target, 20), target, drawn).item() < 0.05
    assert losses.total(outputs_for(1 - target, 20), target, drawn).item() > 20


def test_empty_scene_found_empty_costs_nothing_either_way() -> None:
    nothing = torch.zeros(2, 1, 32, 32)
    for exact in (0.0, 1.0):
        assert losses.total(outputs_for(nothing, 20), nothing, torch.full((2,), exact)).item() < 0.01


def test_exact_alpha_is_held_to_its_value_not_to_overlap() -> None:
    target = torch.full((1, 1, 32, 32), 0.5)
    logits = [torch.zeros(1, 1, 8, 8), torch.zeros(1, 1, 16, 16)]  # sigmoid(0) = 0.5: the very alpha
    exact, drawn = (losses.total(logits, target, torch.tensor([kind])).item() for kind in (1.0, 0.0))
    ln2 = 0.693147
    side = losses.SIDE_WEIGHT * (ln2 + losses.soft_iou(torch.full((1, 1, 8, 8), 0.5), target[..., :8, :8]).item())
    assert exact == pytest.approx(losses.MAIN_WEIGHT * ln2 + side, abs=1e-4)
    assert drawn > exact
