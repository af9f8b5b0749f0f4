"""Chin, crown and hair of a found face: anthropometry for what to expect, edges and alpha for what is seen.

Lengths are in eye distances (between the pupils), rows are counted down. Adults' heads after Farkas, "Anthropometry of
the Head and Face" (1994): the eye line lies midway between chin and crown, each about 1.82 eye distances away.
"""

from dataclasses import dataclass
from math import erf, sqrt

import cv2
import numpy as np
from numpy.typing import NDArray

from packshot.idphoto.findings import Face, Head

RGB8 = NDArray[np.uint8]
Alpha8 = NDArray[np.uint8]
Rows = NDArray[np.float64]

CHIN, CHIN_SD = 1.84, 0.15  # eye line to chin
SKULL_SD = 0.15  # of eye line to crown, once the chin is known
HAIR = ((0.75, 0.15), (0.25, 0.7))  # shares of people, and the mean thickness of their hair over the crown
CHIN_FROM, CHIN_TO = 1.40, 2.40  # where a chin is looked for
ARC_HALF, ARC_SAG = 0.42, 0.28  # half width of the chin's arc; how much it rises at its ends, in its half width
EDGE_WEIGHT = 4.5  # how much a clear edge counts against the expectation
CLEAR_EDGE = 3.5  # of L*a*b*; stronger ones count hardly more, or a collar would beat a chin
TREND = 0.30  # half length over which a change is no edge
LIGHTER = 0.4  # what an edge counts below which it is lighter: under a chin there is shadow
SEEN_SD = 0.04  # of a chin with a clear edge
WORKING_EYES = 48.0  # px between the eyes at which a head is measured
FACE_GREY, MOST_GAIN = 0.48, 2.5  # sRGB value that a darker face is raised to, or a chin in it would be no clear edge
CROWN_HALF = 0.55  # half width of the columns in which hair is looked for
NO_ALPHA_BELOW = 0.75  # mean alpha of a face, under which the cutout did not take the head for the subject


@dataclass(frozen=True)
class _View:
    """The photo at working size: L*a*b* (H, W, 3) float32, alpha or None, the eyes' middle and distance."""

    lab: NDArray[np.float32]
    alpha: Alpha8 | None
    x: float
    y: float
    eyes: float


def covers_face(alpha: Alpha8, face: Face) -> bool:
    """Whether an alpha (H, W) uint8 took the face for the subject; one that did not says nothing of crown and hair."""
    mask = np.zeros(alpha.shape, np.uint8)
    (x, y), eyes = face.between_eyes, face.eye_distance
    cv2.ellipse(mask, (round(x), round(y + 0.35 * eyes)), (round(0.75 * eyes), round(1.1 * eyes)), 0, 0, 360, 1, -1)
    return bool(mask.any()) and float(alpha[mask > 0].mean()) / 255 > NO_ALPHA_BELOW


def measure_head(pixels: RGB8, alpha: Alpha8 | None, face: Face) -> Head:
    """Crown, chin and middle of a head in (H, W, 3) uint8 sRGB; ``alpha`` (H, W) uint8 of the person, or None.

    Without an alpha the crown is what the eyes and the chin let expect.
    """
    view = _view(pixels, alpha, face)
    chin, chin_sd = _chin(view)
    skull, skull_sd = (CHIN + chin) / 2, float(np.hypot(SKULL_SD, chin_sd / 2))
    top = _hair_top(view)
    crown, crown_sd = (skull, skull_sd) if top is None else _under_hair(skull, skull_sd, top)
    row, eyes = face.between_eyes[1], face.eye_distance
    sd = float(np.hypot(chin_sd, crown_sd)) / (chin + crown)
    return Head(
        face=face,
        crown=row - crown * eyes,
        chin=row + chin * eyes,
        hair_top=row - max(crown, top or 0.0) * eyes,
        centre=face.between_eyes[0],
        crown_error=crown_sd * eyes,
        chin_error=chin_sd * eyes,
        confidence=erf(0.0667 / max(sd, 1e-3) / sqrt(2)),  # within a fifteenth: 75 % stays between 70 and 80 %
    )


def _view(pixels: RGB8, alpha: Alpha8 | None, face: Face) -> _View:
    scale = min(1.0, WORKING_EYES / face.eye_distance)
    size = (max(8, round(pixels.shape[1] * scale)), max(8, round(pixels.shape[0] * scale)))
    small = cv2.resize(pixels, size, interpolation=cv2.INTER_AREA)
    shape = None if alpha is None else np.asarray(cv2.resize(alpha, size, interpolation=cv2.INTER_AREA), np.uint8)
    x, y = ((place + 0.5) * scale - 0.5 for place in face.between_eyes)
    eyes = face.eye_distance * scale
    lab = cv2.cvtColor(_raised(np.asarray(small, np.uint8), x, y, eyes), cv2.COLOR_RGB2LAB)
    return _View(np.asarray(lab, np.float32), shape, x, y, eyes)


def _raised(pixels: RGB8, x: float, y: float, eyes: float) -> NDArray[np.float32]:
    """The photo in [0, 1], exposed longer where the face below the eyes is dark, so that every skin is measured alike.

    A factor on sRGB values is one on light, too, as far as sRGB is a power.
    """
    rows = slice(max(0, int(y + 0.3 * eyes)), max(1, int(y + 1.2 * eyes)))
    face = pixels[rows, max(0, int(x - 0.6 * eyes)) : max(1, int(x + 0.6 * eyes))]
    grey = float(np.median(face)) / 255 if face.size else 1.0
    gain = float(np.clip(FACE_GREY / max(grey, 1e-3), 1.0, MOST_GAIN))
    return np.asarray(np.minimum(pixels.astype(np.float32) * np.float32(gain / 255), 1.0), np.float32)


def _chin(view: _View) -> tuple[float, float]:
    """Eye line to chin and its standard deviation: where an arc of edges agrees best with what is expected."""
    steps = np.arange(CHIN_FROM, CHIN_TO, 0.5 / view.eyes)
    edges = _arc_edges(view, steps)
    if edges is None:
        return CHIN, CHIN_SD
    merit = EDGE_WEIGHT * (1 - np.exp(-edges / CLEAR_EDGE)) - 0.5 * ((steps - CHIN) / CHIN_SD) ** 2
    share = np.exp((merit - merit.max()) / 0.25)
    share /= share.sum()
    mean = float((share * steps).sum())
    spread = float(np.sqrt((share * (steps - mean) ** 2).sum()))
    return mean, float(np.hypot(spread, SEEN_SD))


def _arc_edges(view: _View, steps: Rows) -> Rows | None:
    """For each distance under the eyes, how strong and how coherent an edge along a chin's arc there is, in L*a*b*.

    What changes slowly, as a neck does from shadow to light, is no edge; None where the photo ends too early.
    """
    half = ARC_HALF * view.eyes
    across = np.linspace(-half, half, 33)
    rise = ARC_SAG * across**2 / half
    columns, reach = (view.x + across).astype(np.float32), 0.07 * view.eyes

    def along(offset: float) -> NDArray[np.float64]:
        rows = (view.y + steps[:, None] * view.eyes + offset - rise).astype(np.float32)
        wide = np.broadcast_to(columns, rows.shape).astype(np.float32)
        sampled = cv2.remap(view.lab, wide, rows, cv2.INTER_LINEAR, borderMode=cv2.BORDER_REPLICATE)
        return np.asarray(sampled, np.float64)

    if view.y + CHIN_TO * view.eyes >= view.lab.shape[0] + 0.4 * view.eyes:
        return None
    change = np.median(along(reach) - along(-reach), axis=1)  # (steps, 3)
    trend = cv2.blur(change, (1, 2 * int(TREND * view.eyes) + 1), borderType=cv2.BORDER_REPLICATE)
    edges = np.linalg.norm(change - trend, axis=1)
    return np.asarray(np.where(change[:, 0] < trend[:, 0], 1.0, LIGHTER) * edges, np.float64)


def _hair_top(view: _View) -> float | None:
    """Eye line to the highest hair (or scalp) above the face, None where there is no alpha that says it."""
    if view.alpha is None:
        return None
    left, right = (round(view.x + side * CROWN_HALF * view.eyes) for side in (-1, 1))
    columns = view.alpha[: max(1, int(view.y)), max(0, left) : max(1, right)]
    if not columns.size:
        return None
    solid = np.median(columns, axis=1) if columns.shape[1] < 3 else np.quantile(columns, 0.6, axis=1)
    outside = np.nonzero(solid < 128)[0]
    first = float(outside[-1]) + 1 if outside.size else 0.0  # the last row of background above the eyes
    if first == 0.0:
        return None
    above, below = float(solid[int(first) - 1]), float(solid[min(int(first), len(solid) - 1)])
    edge = first - 0.5 - (128 - above) / max(below - above, 1.0) + 0.5
    tip = np.nonzero(columns.max(axis=1) < 128)[0]
    highest = float(tip[-1]) + 0.5 if tip.size else edge
    return max(0.5, (view.y - min(edge, highest)) / view.eyes)


def _under_hair(skull: float, sd: float, top: float) -> tuple[float, float]:
    """Crown and its deviation when hair ends at ``top``: the skull is normal about ``skull``, hair lies on it.

    Mean and deviation of the posterior over a grid; hair is exponentially thick, most of it flat, some voluminous.
    """
    crowns = np.linspace(skull - 5 * sd, min(skull + 5 * sd, top), 200)
    if top < skull - 3 * sd:  # the alpha ends far below where a skull can: believe neither
        return (top + skull) / 2, sd
    hair = top - crowns
    thick = sum(share / mean * np.exp(-hair / mean) for share, mean in HAIR)
    weight = np.exp(-0.5 * ((crowns - skull) / sd) ** 2) * thick
    weight /= weight.sum()
    mean = float((weight * crowns).sum())
    return mean, max(0.02, float(np.sqrt((weight * (crowns - mean) ** 2).sum())))
