"""What surrounds a product: paper, a table, one plain colour, a printed label."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.samples.render import Paint, Surface
from tools.samples.shapes import Float, noise, vector

WHITE_PAPER = (0.82, 0.82, 0.81)


def paper(colour: tuple[float, float, float] = WHITE_PAPER) -> Paint:
    """A studio sweep with a faint cloudiness, as paper has."""

    def paint(p: Float, _: Float) -> Surface:
        return Surface(vector(*colour) * (0.97 + 0.05 * noise(p * 1.3, 5)))

    return paint


def table(planks: float = 1.6, wall: tuple[float, float, float] = (0.36, 0.39, 0.4)) -> Paint:
    """A board table in front of a wall."""

    def paint(p: Float, normal: Float) -> Surface:
        board = np.floor(p[2] / np.float32(planks))
        shade = 0.85 + 0.3 * noise(np.stack([board * 7.3, board * 3.1, board]), 2)
        along = np.stack([p[0] * 0.35, board * 5.0, p[2] * 1.2])
        bend = noise(along, 3)
        rings = noise(np.stack([p[0] * 0.5 + 3 * bend, board * 9.0, p[2] * 14 + 5 * bend]), 4)
        fibre = noise(np.stack([p[0] * 3.0, board, p[2] * 90]), 6)
        seam = np.abs(p[2] / planks - board - 0.5) > 0.494
        wood = vector(0.46, 0.27, 0.13) * (shade * (0.62 + 0.42 * rings + 0.16 * fibre))
        wood = np.where(seam, wood * 0.35, wood)
        is_floor = normal[1] > 0.7
        plaster = vector(*wall) * (0.95 + 0.08 * noise(p * 2.0, 8))
        return Surface(np.where(is_floor, wood, plaster).astype(np.float32), np.where(is_floor, 0.03, 0.0), 0.25)

    return paint


def printed(width: int, height: int, draw: Callable[[NDArray[np.uint8]], None]) -> Callable[[Float, Float], Float]:
    """A label: ``draw`` paints an RGB picture; the result looks up linear colours by u, v in [0, 1], v upwards."""
    picture = np.full((height, width, 3), 255, np.uint8)
    draw(picture)
    linear = (cv2.GaussianBlur(picture, (0, 0), 1.0).astype(np.float32) / 255) ** 2.2

    def look_up(u: Float, v: Float) -> Float:
        column = np.clip(u * width, 0, width - 1).astype(np.int32)
        row = np.clip((1 - v) * height, 0, height - 1).astype(np.int32)
        return linear[row, column].T * 0.85

    return look_up
