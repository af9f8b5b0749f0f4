"""Rules judged: figures against a spec, with how sure we are; for the live picture and for the finished crop."""

from collections.abc import Sequence
from math import erf, sqrt

import numpy as np
from numpy.typing import NDArray

from packshot.idphoto import quality
from packshot.idphoto.crop import Frame
from packshot.idphoto.findings import Face, Finding, Head, Rule, State
from packshot.idphoto.spec import Spec

RGB8 = NDArray[np.uint8]
Alpha8 = NDArray[np.uint8]

SURE = 0.75  # a rule whose state is less likely than this is unsure
EYE_SD = 0.02  # of the eye distance: how well pupils are found
ROLL_SD = 1.6  # degrees, of that
BURNT_MOST, DARK_LEAST, RANGE_LEAST = 0.06, 16.0, 0.6
SIDE_MOST, SHARP_LEAST, RED_MOST, SHADOW_MOST = 0.22, 0.30, 0.42, 9.0
COLOUR_LEAST = 3.0  # C*


def judge(
    rule: Rule,
    figure: float,
    sd: float,
    limits: tuple[float | None, float | None],
    messages: tuple[str, str, str],
    unit: str = "",
) -> Finding:
    """A figure with standard deviation ``sd`` against ``limits``; ``messages`` for below, within and above them."""
    low, high = limits
    below = 0.0 if low is None else _normal((low - figure) / sd)
    above = 0.0 if high is None else _normal((figure - high) / sd)
    chances = (below, max(0.0, 1 - below - above), above)
    at = 0 if low is not None and figure < low else 2 if high is not None and figure > high else 1
    sure = chances[1] if at == 1 else below + above
    state = State.UNSURE if sure < SURE else State.OK if at == 1 else State.NOT_OK
    rounded = [None if value is None else round(value, 4) for value in (figure, low, high)]
    return Finding(rule, state, messages[at], rounded[0], unit, rounded[1], rounded[2], round(sure, 3))


def worst(findings: Sequence[Finding]) -> State:
    """NOT_OK if any rule is broken, else UNSURE if any is unsure, else OK."""
    states = {finding.state for finding in findings}
    return next((state for state in (State.NOT_OK, State.UNSURE) if state in states), State.OK)


def geometry_findings(head: Head, frame: Frame, spec: Spec) -> list[Finding]:
    """Head height, eye line, room above and middle within a crop; figures in millimetres on the print."""
    mm = spec.height_mm / frame.height
    eye_sd, crown_sd = EYE_SD * head.face.eye_distance * mm, max(head.crown_error * mm, 0.1)
    size_sd = float(np.hypot(head.crown_error, head.chin_error)) * mm
    wide = spec.height_mm
    return [
        judge(
            Rule.HEAD_HEIGHT,
            head.height * mm,
            size_sd,
            _times(spec.head, wide),
            ("head_too_small", "head_height_ok", "head_too_large"),
            "mm",
        ),
        judge(
            Rule.EYE_LINE,
            (head.eye_line - frame.top) * mm,
            eye_sd,
            _times(spec.eyes, wide),
            ("eyes_too_high", "eye_line_ok", "eyes_too_low"),
            "mm",
        ),
        judge(
            Rule.HEAD_ROOM,
            (head.crown - frame.top) * mm,
            crown_sd,
            _times(spec.crown, wide),
            ("head_near_top", "head_room_ok", "head_far_from_top"),
            "mm",
        ),
        judge(
            Rule.CENTRING,
            (head.centre - frame.left - frame.width / 2) * mm,
            eye_sd,
            (-spec.centre * spec.width_mm, spec.centre * spec.width_mm),
            ("move_right", "centring_ok", "move_left"),
            "mm",
        ),
    ]


def face_findings(patch: RGB8, face: Face, spec: Spec) -> list[Finding]:
    """Tilt, eyes, exposure, colour, evenness of light, sharpness and red eyes of a face and its patch."""
    return [
        judge(
            Rule.TILT,
            face.roll_deg,
            ROLL_SD,
            (-spec.roll_deg, spec.roll_deg),
            ("tilt_left", "tilt_ok", "tilt_right"),
            "deg",
        ),
        _eyes(face),
        _exposure(patch),
        judge(
            Rule.COLOUR,
            quality.colourfulness(patch),
            0.5,
            (COLOUR_LEAST, None),
            ("no_colour", "colour_ok", "colour_ok"),
            "C*",
        ),
        judge(
            Rule.LIGHT,
            quality.side_light(patch),
            0.04,
            (-SIDE_MOST, SIDE_MOST),
            ("light_from_left", "light_ok", "light_from_right"),
        ),
        judge(
            Rule.SHARPNESS,
            quality.sharpness(patch),
            0.02,
            (SHARP_LEAST, None),
            ("blurred", "sharpness_ok", "sharpness_ok"),
        ),
        judge(Rule.RED_EYE, quality.redness(patch), 0.06, (None, RED_MOST), ("red_eye_ok", "red_eye_ok", "red_eyes")),
    ]


def resolution_finding(face: Face, spec: Spec) -> Finding:
    """Whether there are enough pixels between the eyes in the photo as taken."""
    messages = ("too_few_pixels", "resolution_ok", "resolution_ok")
    distance = face.eye_distance
    return judge(Rule.RESOLUTION, distance, max(1.0, 0.02 * distance), (spec.eye_distance_px, None), messages, "px")


def background_findings(pixels: RGB8, head: Head, alpha: Alpha8 | None, spec: Spec) -> list[Finding]:
    """Colour, evenness and shadow of the background in a crop or frame."""
    mask = quality.background_mask(pixels.shape, head, alpha)
    seen = quality.background(pixels, mask)
    if seen is None:
        return [Finding(Rule.BACKGROUND, State.UNSURE, "background_unseen", confidence=0.0)]
    wanted = spec.background
    even = judge(
        Rule.BACKGROUND_EVENNESS,
        seen.spread,
        1.0,
        (None, wanted.spread),
        ("background_even", "background_even", "background_uneven"),
        "L*",
    )
    dark = quality.shadow(pixels, mask, head)
    found = [_background_colour(seen, spec), even]
    if dark is not None and wanted.spread < 100:
        messages = ("shadow_ok", "shadow_ok", "shadow_behind")
        found.append(judge(Rule.SHADOW, dark, 1.5, (None, SHADOW_MOST), messages, "L*"))
    return found


def _background_colour(seen: quality.Background, spec: Spec) -> Finding:
    wanted = spec.background
    first, last = wanted.hue
    through_zero = first > last
    within = not last < seen.hue < first if through_zero else first <= seen.hue <= last
    off_hue = 0.0 if within else min(abs(_turn(seen.hue - end)) for end in wanted.hue)
    needs_colour = wanted.chroma[0] > 0
    inside = [
        _inside(seen.lightness, wanted.lightness, (0, 100)),
        _inside(seen.chroma, wanted.chroma, (0, 200)),
        _normal((3.0 - off_hue) / 2.0) if needs_colour else 1.0,
    ]
    chance = min(inside) if min(inside) < 0.5 else float(np.prod(inside))
    sure = chance if chance >= 0.5 else 1 - chance
    state = State.UNSURE if sure < SURE else State.OK if chance >= 0.5 else State.NOT_OK
    message = "background_ok" if chance >= 0.5 else "background_wrong"
    low, high = wanted.lightness
    return Finding(Rule.BACKGROUND, state, message, round(seen.lightness, 1), "L*", low, high, round(sure, 3))


def _inside(figure: float, limits: tuple[float, float], ends: tuple[float, float], sd: float = 1.5) -> float:
    """How likely a figure lies within limits; a limit at the scale's own end is none."""
    above = 1.0 if limits[0] <= ends[0] else _normal((figure - limits[0]) / sd)
    below = 1.0 if limits[1] >= ends[1] else _normal((limits[1] - figure) / sd)
    return min(above, below)


def _eyes(face: Face) -> Finding:
    state = (State.NOT_OK, State.UNSURE, State.OK)[face.eyes_seen]
    message = "eyes_ok" if face.eyes_seen == 2 else "eyes_not_seen"
    return Finding(Rule.EYES, state, message, float(face.eyes_seen), "", 2.0, None, (0.7, 0.5, 0.8)[face.eyes_seen])


def _exposure(patch: RGB8) -> Finding:
    """Burnt parts first; too dark is a face of which the camera saw hardly anything, not one of dark skin."""
    burnt = quality.burnt_share(patch)
    light, stops = quality.face_light(patch), quality.face_range(patch)
    if burnt > BURNT_MOST / 2 or (light >= DARK_LEAST and stops >= RANGE_LEAST):
        messages = ("exposure_ok", "exposure_ok", "too_bright")
        return judge(Rule.EXPOSURE, burnt, 0.02, (None, BURNT_MOST), messages, "share burnt")
    return judge(Rule.EXPOSURE, light, 2.0, (DARK_LEAST, None), ("too_dark", "exposure_ok", "exposure_ok"), "L*")


def _times(limits: tuple[float, float], factor: float) -> tuple[float, float]:
    return limits[0] * factor, limits[1] * factor


def _turn(degrees: float) -> float:
    return (degrees + 180) % 360 - 180


def _normal(z: float) -> float:
    """The share of a normal distribution below ``z``."""
    return 0.5 * (1 + erf(z / sqrt(2)))
