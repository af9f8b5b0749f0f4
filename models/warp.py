"""Random numbers tied to (seed, step), and the affine windows that augmentation looks through.

Coordinates run from -1 to 1 across a picture; theta (n, 2, 3) maps output to source coordinates.
"""

import torch
from torch import Tensor
from torch.nn import functional


class Random:
    """Draws for one step; the same seed and step give the same draws on the same kind of device."""

    def __init__(self, device: torch.device, seed: int, step: int) -> None:
        self.device = device
        self._generator = torch.Generator(device).manual_seed(seed * 1_000_003 + step)

    def uniform(self, n: int, low: float = 0.0, high: float = 1.0) -> Tensor:
        """(n,) evenly in [low, high)."""
        return low + (high - low) * torch.rand(n, generator=self._generator, device=self.device)

    def normal(self, shape: torch.Size) -> Tensor:
        """Standard normal."""
        return torch.randn(shape, generator=self._generator, device=self.device)

    def sign(self, n: int) -> Tensor:
        """(n,) of -1 or 1."""
        return torch.where(self.uniform(n) < 0.5, -1.0, 1.0)

    def integers(self, below: int, n: int) -> Tensor:
        """(n,) whole numbers in [0, below)."""
        return torch.randint(below, (n,), generator=self._generator, device=self.device)

    def choice(self, weights: Tensor, n: int) -> Tensor:
        """N indices, with replacement, in proportion to ``weights``."""
        return torch.multinomial(weights.to(self.device), n, replacement=True, generator=self._generator)

    def among(self, weights: Tensor) -> Tensor:
        """(n,) indices, one for each row of ``weights`` (n, K), in proportion to the row's values."""
        return torch.multinomial(weights, 1, generator=self._generator)[:, 0]


def sample(x: Tensor, theta: Tensor, size: int, padding: str) -> Tensor:
    """Look at (n, C, H, W) through theta: (n, C, size, size), bilinear."""
    grid = functional.affine_grid(theta, [len(x), x.shape[1], size, size], align_corners=False)
    return functional.grid_sample(x, grid, padding_mode=padding, align_corners=False)


def random_window(n: int, random: Random, smallest: float, largest: float, whole: float = 0.0) -> Tensor:
    """A window of ``smallest`` to ``largest`` of the side, some aspect, flipped at random, half of them turned.

    A share ``whole`` of them shows the picture as it is, flipped or not: enlarged crops alone would teach a sharpness
    that no photo has at the network's input ("Fixing the train-test resolution discrepancy", Touvron et al., NeurIPS
    2019).
    """
    scale, aspect = random.uniform(n, smallest, largest), random.uniform(n, 0.85, 1.18)
    width, height = (scale * aspect).clamp(max=1.05), (scale / aspect).clamp(max=1.05)
    x = random.uniform(n, -1, 1) * (1 - width).clamp(min=0)
    y = random.uniform(n, -1, 1) * (1 - height).clamp(min=0)
    angle = random.uniform(n, -0.2, 0.2) * (random.uniform(n) < 0.5)
    flip, cos, sin = random.sign(n), torch.cos(angle), torch.sin(angle)
    rows = [
        torch.stack([flip * width * cos, -height * sin, x], 1),
        torch.stack([flip * width * sin, height * cos, y], 1),
    ]
    plain = torch.tensor([[1.0, 0, 0], [0, 1, 0]], device=random.device) * torch.stack([flip, flip.abs()], 1)[..., None]
    return torch.where((random.uniform(n) < whole).view(-1, 1, 1), plain, torch.stack(rows, 1))


def fit_box(
    boxes: Tensor, random: Random, smallest: float, largest: float, still: float = 0.0, size: int = 1
) -> Tensor:
    """Show the box (n, 4) at ``smallest`` to ``largest`` of the side somewhere in the output, a little turned.

    A share ``still`` of them is only moved, by whole pixels of a picture of ``size``, and perhaps flipped: outlines
    stay as sharp as they are.
    """
    n = len(boxes)
    left, top, right, bottom = boxes.unbind(1)
    half = torch.maximum(right - left, bottom - top) / 2
    same = random.uniform(n) < still
    share = torch.where(same, half, random.uniform(n, smallest, largest))
    aspect = torch.where(same, 1.0, random.uniform(n, 0.87, 1.15))
    width, height = half / share * aspect, half / share / aspect  # source half-extents of the whole output
    x = random.uniform(n, -1, 1) * (1 - share).clamp(min=0.02)
    y = random.uniform(n, -1, 1) * (1 - share).clamp(min=0.02)
    angle = torch.where(same, 0.0, random.uniform(n, -0.25, 0.25))
    flip, cos, sin = random.sign(n), torch.cos(angle), torch.sin(angle)
    a, b = flip * width * cos, -flip * width * sin
    c, d = height * sin, height * cos
    across, down = ((low + high) / 2 for low, high in ((left, right), (top, bottom)))
    moved = torch.stack([across - a * x - b * y, down - c * x - d * y], 1)
    moved = torch.where(same[:, None], torch.round(moved * size / 2) * 2 / size, moved)
    return torch.stack([torch.stack([a, b, moved[:, 0]], 1), torch.stack([c, d, moved[:, 1]], 1)], 1)
