"""Training batches drawn on the device: photos, upper bodies, composites with soft shadows, empty scenes.

Pictures are float in [0, 1], (n, 3, S, S); masks and alpha (n, 1, S, S). A batch depends on the seed and the step
alone, so a resumed run sees the very pictures that an uninterrupted one would have seen. A shadow is background.
"""

from dataclasses import astuple, dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.bank import Bank
from models.scenery import backdrop, cast_shadow
from models.shapes import hollow, printed, shapes, with_handle
from models.warp import Random, fit_box, random_window, sample

STILL = 0.5  # of the cutouts are set down as large and as sharp as they are
HANDLED = 0.1  # of the cutouts have a handle put to them
HOLLOWED = 0.08  # are rings or frames
PIERCED = 0.15  # have a hole
PRINTED = 0.25  # have a plain shape of any colour on them, so that not every plain shape is a hole


@dataclass(frozen=True)
class Mix:
    """Share of each kind of picture in a batch."""

    photo: float = 0.31  # labelled photos and renders as they are
    upper_body: float = 0.04  # people cropped as for an ID photo
    product: float = 0.41  # rendered products with exact alpha over new scenes
    pasted: float = 0.04  # products cut from photos over plain sweeps
    empty: float = 0.2  # scenes without a subject, some with the shadow of something outside


@dataclass(frozen=True)
class Batch:
    """``pictures`` (B, 3, S, S) in [0, 1], ``masks`` (B, 1, S, S) in [0, 1], ``exact`` (B,) 1 for true alpha."""

    pictures: Tensor
    masks: Tensor
    exact: Tensor


def draw(bank: Bank, mix: Mix, count: int, size: int, seed: int, step: int) -> Batch:
    """The batch of this seed and step."""
    random = Random(bank.photos.device, seed, step)
    kinds = random.choice(torch.tensor(astuple(mix), dtype=torch.float32), count)
    makers = (_photos, _upper_bodies, _products, _pasted, _empty)
    numbers = torch.bincount(kinds.cpu(), minlength=len(makers)).tolist()
    parts = [maker(bank, n, size, random) for maker, n in zip(makers, numbers, strict=True) if n]
    pictures, masks, exact = (torch.cat(values) for values in zip(*parts, strict=True))
    return Batch(disturb(pictures, random), masks, exact)


def _photos(bank: Bank, n: int, size: int, random: Random) -> tuple[Tensor, Tensor, Tensor]:
    index = random.choice(bank.weights, n)
    theta = random_window(n, random, 0.62, 1.0, whole=0.5)
    return (*_cut(bank, index, theta, size), bank.exact[index])


def _upper_bodies(bank: Bank, n: int, size: int, random: Random) -> tuple[Tensor, Tensor, Tensor]:
    """Head to chest or waist, a hand's breadth of air above."""
    index = bank.people[random.integers(len(bank.people), n)]
    left, top, right, bottom = bank.boxes[index].unbind(1)
    half = (bottom - top) * random.uniform(n, 0.16, 0.32)  # half the window's height
    centre_y = top + half * random.uniform(n, 0.75, 0.95)
    centre_x = (left + right) / 2 + half * random.uniform(n, -0.4, 0.4)
    width = half * random.uniform(n, 0.9, 1.6)
    flip = random.sign(n)
    zero = torch.zeros_like(half)
    theta = torch.stack([torch.stack([flip * width, zero, centre_x], 1), torch.stack([zero, half, centre_y], 1)], 1)
    return (*_cut(bank, index, theta, size), bank.exact[index])


def _cut(bank: Bank, index: Tensor, theta: Tensor, size: int) -> tuple[Tensor, Tensor]:
    pictures = sample(unit(bank.photos[index]), theta, size, "reflection")
    return pictures, sample(unit(bank.masks[index].unsqueeze(-1)), theta, size, "reflection")


def unit(pixels: Tensor) -> Tensor:
    """(n, H, W, C) uint8 -> (n, C, H, W) float in [0, 1]."""
    return pixels.permute(0, 3, 1, 2).float() / 255.0


def _products(bank: Bank, n: int, size: int, random: Random) -> tuple[Tensor, Tensor, Tensor]:
    index = random.integers(len(bank.cutouts), n)
    scene = backdrop(_any_scene(bank, n, random), size, random, plain=0.5)
    return (*_compose(unit(bank.cutouts[index]), bank.cutout_boxes[index], scene, random), _ones(bank, n))


def _pasted(bank: Bank, n: int, size: int, random: Random) -> tuple[Tensor, Tensor, Tensor]:
    index = bank.whole[random.integers(len(bank.whole), n)]
    cutouts = unit(torch.cat([bank.photos[index], bank.masks[index].unsqueeze(-1)], -1))
    scene = backdrop(_any_scene(bank, n, random), size, random, plain=0.8)
    return (*_compose(cutouts, bank.boxes[index], scene, random), _ones(bank, n) * 0)


def _any_scene(bank: Bank, n: int, random: Random) -> Tensor:
    return bank.scenes[random.integers(len(bank.scenes), n)]


def _compose(cutouts: Tensor, boxes: Tensor, scene: Tensor, random: Random) -> tuple[Tensor, Tensor]:
    """Set RGBA cutouts (n, 4, h, w) down in the scene with a shadow; picture and alpha."""
    n, size = len(cutouts), scene.shape[-1]
    theta = fit_box(boxes, random, 0.3, 0.95, STILL, size)
    # Premultiplied, so that the colour under alpha 0 leaves no dark rim.
    premultiplied = torch.cat([cutouts[:, :3] * cutouts[:, 3:], cutouts[:, 3:]], 1)
    placed = sample(premultiplied, theta, size, "zeros")
    placed = with_handle(placed, HANDLED, random)
    placed = placed * (1 - hollow(placed[:, 3:], HOLLOWED, random))
    placed = placed * (1 - shapes(placed[:, 3:], PIERCED, random))
    alpha = placed[:, 3:]
    colour = printed(placed[:, :3], alpha, PRINTED, random)
    own = colour.sum((2, 3), keepdim=True) / alpha.sum((2, 3), keepdim=True).clamp(min=1.0)
    alike = (random.uniform(n) < 0.1).view(-1, 1, 1, 1) * 0.8  # subject and scene of one colour, as white on white
    scene = scene * (1 - alike) + own * (0.85 + 0.3 * scene) * alike
    scene = cast_shadow(_seams(scene, alpha, random), alpha, random).clamp(0, 1)
    return scene * (1 - alpha) + colour, alpha


def _seams(scene: Tensor, alpha: Tensor, random: Random) -> Tensor:
    """Paste outlines into some scenes too, so that the network cannot take a pasted edge for a subject."""
    chosen = (random.uniform(len(scene)) < 0.15).view(-1, 1, 1, 1)
    outline = alpha.roll(1, 0).flip(3) * 0.5 * chosen
    return scene * (1 - outline) + scene.flip(3) * outline


def _empty(bank: Bank, n: int, size: int, random: Random) -> tuple[Tensor, Tensor, Tensor]:
    scene = backdrop(bank.scenes[random.choice(bank.scene_weights, n)], size, random, plain=0.15)
    index = random.integers(len(bank.cutouts), n)
    theta = fit_box(bank.cutout_boxes[index], random, 0.3, 0.95)
    alpha = sample(unit(bank.cutouts[index][..., 3:]), theta, size, "zeros")
    chosen = (random.uniform(n) < 0.4).view(-1, 1, 1, 1)
    shaded = torch.where(chosen, cast_shadow(_seams(scene, alpha, random), alpha, random), scene)
    return shaded.clamp(0, 1), torch.zeros_like(alpha), _ones(bank, n)


def _ones(bank: Bank, n: int) -> Tensor:
    return torch.ones(n, device=bank.photos.device)


def disturb(x: Tensor, random: Random) -> Tensor:
    """What cameras and files do: exposure, contrast, saturation, colour cast, gamma, blur, noise, JPEG."""
    n = len(x)

    def spread(low: float, high: float, channels: int = 1) -> Tensor:
        return random.uniform(n * channels, low, high).view(n, channels, 1, 1)

    x = x * spread(0.7, 1.25)
    x = (x - x.mean((1, 2, 3), keepdim=True)) * spread(0.75, 1.3) + x.mean((1, 2, 3), keepdim=True)
    grey = x.mean(1, keepdim=True)
    x = ((x - grey) * spread(0.4, 1.4) + grey) * spread(0.93, 1.07, 3)
    x = x.clamp(1e-4, 1.0) ** spread(0.8, 1.25)
    blurred, packed = (random.uniform(n) < 0.12).nonzero()[:, 0], (random.uniform(n) < 0.25).nonzero()[:, 0]
    x[blurred] = functional.interpolate(
        functional.avg_pool2d(x[blurred], 2), scale_factor=2.0, mode="bilinear", align_corners=False
    )
    x[packed] = jpeg(x[packed], spread(0.01, 0.09)[packed])
    x = x + random.normal(x.shape) * spread(0, 0.045) * (spread(0, 1) < 0.35)
    return x.clamp(0, 1)


def jpeg(x: Tensor, step: Tensor) -> Tensor:
    """JPEG's blocks: round 8x8 cosine coefficients to ``step`` (n, 1, 1, 1), coarser for higher frequencies."""
    n, c, height, width = x.shape
    k = torch.arange(8, device=x.device, dtype=x.dtype)
    cosine = torch.cos((2 * k[None] + 1) * k[:, None] * torch.pi / 16) / 2
    cosine[0] /= 2**0.5
    blocks = x.reshape(n, c, height // 8, 8, width // 8, 8).transpose(3, 4)  # (n, c, rows, columns, 8, 8)
    quantum = step.view(n, 1, 1, 1, 1, 1) * (1 + k[:, None] + k[None])
    rounded = torch.round(cosine @ blocks @ cosine.T / quantum) * quantum
    return (cosine.T @ rounded @ cosine).transpose(3, 4).reshape(x.shape)
