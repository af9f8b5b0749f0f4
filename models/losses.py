"""Losses on logits: cross-entropy everywhere, soft IoU and SSIM for drawn masks, the Jaccard metric for exact alpha.

All work per picture: logits and targets (B, 1, H, W), target in [0, 1] -> (B,).
"""

from collections.abc import Sequence

import torch
from torch import Tensor
from torch.nn import functional

MAIN_WEIGHT = 2.0
SIDE_WEIGHT = 0.5
ALPHA_SLACK = 0.01  # of the frame: what an error on a tiny subject is measured against
EMPTY_SLACK = 0.05  # the same in an empty scene, wide enough that a large error still has a slope
EDGE_SPAN = 15  # pixels of the logit map around an outline that count more
EDGE_WEIGHT = 5.0
SSIM_WINDOW = 11
SSIM_SIGMA = 1.5


def cross_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy, mean over pixels."""
    return functional.binary_cross_entropy_with_logits(logits, target, reduction="none").mean((1, 2, 3))


def edge_entropy(logits: Tensor, target: Tensor) -> Tensor:
    """Binary cross-entropy, a pixel weighing up to six times where it differs from its surroundings.

    Outlines and thin parts, which a plain mean drowns (pixel position aware loss, Wei et al., AAAI 2020).
    """
    around = functional.avg_pool2d(target, EDGE_SPAN, 1, EDGE_SPAN // 2, count_include_pad=False)
    weight = 1 + EDGE_WEIGHT * (around - target).abs()
    entropy = functional.binary_cross_entropy_with_logits(logits, target, reduction="none")
    return (weight * entropy).sum((1, 2, 3)) / weight.sum((1, 2, 3))


def soft_iou(mask: Tensor, target: Tensor) -> Tensor:
    """1 - intersection over union of soft masks; one pixel of slack makes empty against empty perfect."""
    intersection = (mask * target).sum((1, 2, 3))
    union = (mask + target - mask * target).sum((1, 2, 3))
    return 1.0 - (intersection + 1.0) / (union + 1.0)


def jaccard_metric(mask: Tensor, target: Tensor) -> Tensor:
    """Absolute error over the union of soft masks, 0 only where they are equal (Wang et al., NeurIPS 2023).

    A plain mean would let a small product's outline weigh nothing. ``EMPTY_SLACK`` or ``ALPHA_SLACK`` of the frame is
    added to the union, so that nothing is divided by nothing.
    """
    error, union = (mask - target).abs().mean((1, 2, 3)), torch.maximum(mask, target).mean((1, 2, 3))
    empty = target.amax((1, 2, 3)) == 0
    return error / (union + torch.where(empty, EMPTY_SLACK, ALPHA_SLACK))


def dissimilarity(mask: Tensor, target: Tensor) -> Tensor:
    """1 - SSIM, mean over pixels, Gaussian window of 11 pixels (Wang et al., TIP 2004)."""
    mean_m, mean_t = _smooth(mask), _smooth(target)
    variance_m = _smooth(mask * mask) - mean_m**2
    variance_t = _smooth(target * target) - mean_t**2
    covariance = _smooth(mask * target) - mean_m * mean_t
    c1, c2 = 0.01**2, 0.03**2
    luminance = (2 * mean_m * mean_t + c1) / (mean_m**2 + mean_t**2 + c1)
    structure = (2 * covariance + c2) / (variance_m + variance_t + c2)
    return 1.0 - (luminance * structure).mean((1, 2, 3))


def _smooth(x: Tensor) -> Tensor:
    offsets = torch.arange(SSIM_WINDOW, device=x.device, dtype=x.dtype) - SSIM_WINDOW // 2
    window = torch.exp(-(offsets**2) / (2 * SSIM_SIGMA**2))
    window = window / window.sum()
    across = functional.conv2d(x, window.view(1, 1, 1, -1), padding=(0, SSIM_WINDOW // 2))
    return functional.conv2d(across, window.view(1, 1, -1, 1), padding=(SSIM_WINDOW // 2, 0))


def total(outputs: Sequence[Tensor], target: Tensor, exact: Tensor) -> Tensor:
    """Scalar loss of deeply supervised ``outputs`` (coarsest first) against ``target`` (B, 1, S, S).

    ``exact`` (B,) is 1 where the target is true alpha: overlap and structure terms give way to the Jaccard metric, and
    outlines count more.
    """
    loss = torch.zeros((), device=target.device)
    for logits in outputs[:-1]:
        loss = loss + SIDE_WEIGHT * _side(logits.float(), _shrink(target, logits)).mean()
    logits, mask_target = outputs[-1].float(), _shrink(target, outputs[-1])
    mask = torch.sigmoid(logits)
    drawn = cross_entropy(logits, mask_target) + soft_iou(mask, mask_target) + dissimilarity(mask, mask_target)
    alpha = edge_entropy(logits, mask_target) + jaccard_metric(mask, mask_target)
    return loss + MAIN_WEIGHT * torch.where(exact > 0, alpha, drawn).mean()


def _side(logits: Tensor, target: Tensor) -> Tensor:
    return cross_entropy(logits, target) + soft_iou(torch.sigmoid(logits), target)


def _shrink(target: Tensor, logits: Tensor) -> Tensor:
    """Area average of the target on the logits' grid."""
    return functional.adaptive_avg_pool2d(target, (logits.shape[-2], logits.shape[-1]))
