"""Plain shapes on subjects: holes, prints that look like holes, handles, and the subject's own outline cut out of it.

Alpha is (n, 1, S, S) in [0, 1]; coordinates run from -1 to 1 across a picture.
"""

from dataclasses import dataclass

import torch
from torch import Tensor
from torch.nn import functional

from models.warp import Random, sample

CELL = 8  # px: how finely the place of a shape is drawn


@dataclass(frozen=True)
class Ellipse:
    """Ellipses or slots: ``distance`` (n, S, S) is 0 in the middle and 1 on the rim, ``edge`` (n, 1, 1) their size.

    ``edge`` is the shorter half axis in pixels, so that a rim comes out one pixel wide.
    """

    distance: Tensor
    edge: Tensor

    def inside(self, scale: float | Tensor = 1.0) -> Tensor:
        """(n, 1, S, S): 1 inside the shape at ``scale`` times its size."""
        return (((scale - self.distance) * self.edge) + 0.5).clamp(0, 1).unsqueeze(1)


def shapes(alpha: Tensor, share: float, random: Random) -> Tensor:
    """An ellipse or a slot somewhere in a ``share`` of the subjects of ``alpha``: 1 inside it.

    As holes in handles and rings, and as prints: turned, up to two fifths of the subject's size.
    """
    chosen = random.uniform(len(alpha)) < share
    at = random.among(_cells(alpha) + 1e-6)
    return _ellipse(alpha, at, (0.1, 0.4), 0.3, random).inside() * chosen.view(-1, 1, 1, 1)


def printed(colour: Tensor, alpha: Tensor, share: float, random: Random) -> Tensor:
    """The premultiplied ``colour`` (n, 3, S, S) of subjects, a ``share`` of them with a plain print on them.

    What looks like a hole in all but its colour must not become one.
    """
    ink = random.uniform(3 * len(colour)).view(-1, 3, 1, 1)
    there = shapes(alpha, share, random)
    return colour * (1 - there) + alpha * ink * there


def hollow(alpha: Tensor, share: float, random: Random) -> Tensor:
    """The outline of a ``share`` of the subjects, smaller, in their own middle: 1 inside it.

    Cut out it leaves a ring or a frame; the background seen through it is far more than a hole in a handle shows.
    """
    n = len(alpha)
    chosen, scale = random.uniform(n) < share, random.uniform(n, 0.4, 0.8)
    x, y = _middle(alpha)
    x, y = x + random.uniform(n, -0.03, 0.03), y + random.uniform(n, -0.03, 0.03)
    zero, grown = torch.zeros_like(scale), 1 / scale
    across = torch.stack([grown, zero, x - x * grown], 1)
    down = torch.stack([zero, grown, y - y * grown], 1)
    return sample(alpha, torch.stack([across, down], 1), alpha.shape[-1], "zeros") * chosen.view(-1, 1, 1, 1)


def with_handle(subject: Tensor, share: float, random: Random) -> Tensor:
    """Premultiplied RGBA (n, 4, S, S), a handle behind a ``share`` of the subjects: a tube bent to a ring.

    It stands on the outline, in nearly the subject's colour, rounded by its shading.
    """
    alpha, n = subject[:, 3:], len(subject)
    chosen = (random.uniform(n) < share).view(-1, 1, 1, 1)
    pooled = _cells(alpha)
    at = random.among(pooled * (1 - pooled) + 1e-6)
    ring = _ellipse(alpha, at, (0.25, 0.75), 0.5, random)
    hole = random.uniform(n, 0.55, 0.85).view(-1, 1, 1)
    tube = ring.inside() - ring.inside(hole)
    bend = ((ring.distance - hole) / (1 - hole) * 2 - 1).clamp(-1, 1).unsqueeze(1)  # -1 at the hole, 1 outside
    light = random.uniform(n, 0.6, 1.2).view(-1, 1, 1, 1) * (1 - 0.4 * bend**2)
    own = subject[:, :3].sum((2, 3), keepdim=True) / alpha.sum((2, 3), keepdim=True).clamp(min=1.0)
    seen = tube * (1 - alpha) * chosen
    return subject + torch.cat([(own * light).clamp(0, 1), torch.ones_like(alpha)], 1) * seen


def _cells(alpha: Tensor) -> Tensor:
    """Mean alpha of every cell, (n, cells)."""
    return functional.avg_pool2d(alpha, CELL).flatten(1)


def _ellipse(alpha: Tensor, at: Tensor, longer: tuple[float, float], flattest: float, random: Random) -> Ellipse:
    """Turned ellipses and slots around the cells ``at`` (n,).

    ``longer`` is the range of the longer half axis as a share of the subject's size, ``flattest`` the least share that
    the shorter one is of it.
    """
    n, size = len(alpha), alpha.shape[-1]
    cells = size // CELL
    long = alpha.mean((1, 2, 3)).clamp(min=1e-4).sqrt() * random.uniform(n, *longer)  # a subject out of sight, too
    short, angle = long * random.uniform(n, flattest, 1.0), random.uniform(n, 0, torch.pi)
    power = torch.where(random.uniform(n) < 0.5, 2.0, 5.0).view(-1, 1, 1)
    place = _places(size, alpha)
    x = place.view(1, 1, -1) - ((at % cells * 2 + 1) / cells - 1).view(-1, 1, 1)
    y = place.view(1, -1, 1) - ((at // cells * 2 + 1) / cells - 1).view(-1, 1, 1)
    cos, sin = torch.cos(angle).view(-1, 1, 1), torch.sin(angle).view(-1, 1, 1)
    across, along = ((cos * x + sin * y) / long.view(-1, 1, 1), (cos * y - sin * x) / short.view(-1, 1, 1))
    distance = (across.abs() ** power + along.abs() ** power + 1e-9) ** (1 / power)
    return Ellipse(distance, short.view(-1, 1, 1) * size / 2)


def _middle(alpha: Tensor) -> tuple[Tensor, Tensor]:
    """(n,) x and y of the subjects' centres of mass."""
    place, mass = _places(alpha.shape[-1], alpha), alpha.sum((1, 2, 3)).clamp(min=1e-6)
    return (alpha.sum((1, 2)) * place).sum(1) / mass, (alpha.sum((1, 3)) * place).sum(1) / mass


def _places(size: int, like: Tensor) -> Tensor:
    """Where the pixels of an axis lie."""
    return (torch.arange(size, device=like.device) * 2 + 1) / size - 1
