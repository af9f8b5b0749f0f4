"""Scenes to put a subject into: rooms and textures, studio sweeps, and the soft shadow that a subject throws."""

import torch
from torch import Tensor
from torch.nn import functional

from models.warp import Random, random_window, sample


def backdrop(scenes: Tensor, size: int, random: Random, plain: float) -> Tensor:
    """Crops (n, 3, size, size) in [0, 1] of ``scenes`` (n, H, W, 3), a share ``plain`` of them replaced by sweeps."""
    n = len(scenes)
    window = random_window(n, random, 0.6, 1.0, whole=0.4)
    crops = sample(scenes.permute(0, 3, 1, 2).float() / 255.0, window, size, "reflection")
    choose = (random.uniform(n) < plain).view(-1, 1, 1, 1)
    return torch.where(choose, sweep(n, size, random), crops)


def sweep(n: int, size: int, random: Random) -> Tensor:
    """Studio sweeps: half near white, the rest grey or any colour; soft horizon, fall-off of light, slight tilt."""
    white = (random.uniform(n) < 0.5).view(-1, 1)
    tone = torch.where(white, random.uniform(n, 0.86, 1.02).view(-1, 1), random.uniform(n, 0.05, 0.95).view(-1, 1))
    tint = random.uniform(3 * n, -1, 1).view(n, 3) * torch.where(white, 0.03, 0.25) * random.uniform(n).view(-1, 1)
    colour = (tone + tint).view(n, 3, 1, 1)
    axis = torch.linspace(-1, 1, size, device=random.device)
    y, x = axis.view(1, 1, -1, 1), axis.view(1, 1, 1, -1)

    def spread(low: float, high: float) -> Tensor:
        return random.uniform(n, low, high).view(-1, 1, 1, 1)

    floor = torch.sigmoid((y - spread(-0.5, 0.9)) * spread(2, 25)) * spread(-0.15, 0.12)
    distance = (x - spread(-0.7, 0.7)) ** 2 + (y - spread(-0.7, 0.7)) ** 2
    light = 1 + floor - distance * spread(0, 0.16) + x * spread(-0.08, 0.08)
    return (colour * light).clamp(0, 1)


def cast_shadow(scene: Tensor, alpha: Tensor, random: Random) -> Tensor:
    """Darken the scene by a flattened, leaning cast shadow and a contact shadow of ``alpha`` (n, 1, S, S)."""
    n, size = len(scene), scene.shape[-1]
    rows = torch.linspace(-1, 1, size, device=scene.device)
    covered = alpha.amax((1, 3)) > 0.5  # (n, S)
    base = torch.where(covered, rows, -1.0).amax(1)  # lowest row of the subject
    squash, lean = random.uniform(n, 1.6, 6.0), random.uniform(n, -2.0, 2.0)
    one, zero = torch.ones_like(base), torch.zeros_like(base)
    across = torch.stack([one, lean, -lean * base], 1)
    down = torch.stack([zero, squash, base * (1 - squash)], 1)
    cast = sample(alpha, torch.stack([across, down], 1), size // 2, "zeros")
    contact = functional.interpolate(alpha, size=(size // 2, size // 2), mode="area").roll(size // 60 + 1, 2)
    strength = random.uniform(2 * n, 0.0, 0.6).view(2, n, 1, 1, 1)
    soft = 1 - (1 - _blur(cast, 4) * strength[0]) * (1 - _blur(contact, 2) * strength[1])
    return scene * (1 - functional.interpolate(soft, size=(size, size), mode="bilinear", align_corners=False))


def _blur(x: Tensor, factor: int) -> Tensor:
    """A wide soft blur: average down by ``factor``, smooth, enlarge again."""
    small = functional.avg_pool2d(functional.avg_pool2d(x, factor), 3, 1, 1)
    small = functional.avg_pool2d(small, 3, 1, 1)
    return functional.interpolate(small, size=x.shape[-2:], mode="bilinear", align_corners=False)
