"""The products and their stages. Lengths in decimetres, y up, the camera looks along -z."""

from collections.abc import Callable

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.samples.render import Paint, Scene, Surface
from tools.samples.shapes import (
    Float,
    blend,
    box,
    capsule,
    cut,
    cylinder,
    ellipsoid,
    extruded,
    moved,
    noise,
    revolved,
    torus,
    turned,
    union,
    vector,
)

WHITE_PAPER = (0.82, 0.82, 0.81)


def plain(colour: tuple[float, float, float], gloss: float = 0.0, roughness: float = 0.0) -> Paint:
    """One colour all over, linear."""

    def paint(p: Float, _: Float) -> Surface:
        return Surface(np.broadcast_to(vector(*colour), p.shape).copy(), gloss, roughness)

    return paint


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


def mug() -> Scene:
    """A glazed mug with a handle, its hole in sight."""

    def body(p: Float) -> Float:
        outer = cylinder(moved(p, 0, 0.5, 0), 0.42, 0.5, 0.05)
        inner = cylinder(moved(p, 0, 0.62, 0), 0.375, 0.55, 0.06)
        return cut(outer, inner) - np.float32(0.008)

    def handle(p: Float) -> Float:
        q = moved(turned(p, -28), 0.46, 0.52, 0)
        ring = np.hypot(q[0] * 0.85, q[1]) - np.float32(0.27)
        return cut(np.hypot(ring, q[2] * 0.75) - np.float32(0.055), cylinder(moved(p, 0, 0.5, 0), 0.39, 0.6))

    def shape(p: Float) -> Float:
        return blend(body(p), handle(p), 0.06) * np.float32(0.85)

    def paint(p: Float, _: Float) -> Surface:
        radius = np.hypot(p[0], p[2])
        glaze = np.where((radius < 0.395) & (p[1] > 0.08), vector(0.78, 0.75, 0.68), vector(0.045, 0.17, 0.23))
        speckle = noise(p * 60, 9) > 0.93
        glaze = np.where(speckle, glaze * 0.75, glaze)
        return Surface(np.where(p[1] < 0.055, vector(0.5, 0.36, 0.25), glaze).astype(np.float32), 0.045, 0.02)

    return Scene(
        "mug",
        shape,
        paint,
        table(),
        (0.1, 0.5, 0),
        0.95,
        (0.9, 2.3, 4.6),
        (0.08, 0.47, 0),
        zoom=2.75,
        wall_z=-7,
        bend=0.02,
        seed=11,
    )


def bottle() -> Scene:
    """A pump-less shampoo bottle with a printed label."""
    profile = [
        (0.30, 0.0), (0.36, 0.03), (0.375, 0.1), (0.375, 1.12), (0.365, 1.22), (0.32, 1.31), (0.22, 1.38), (0.16, 1.41), (0.15, 1.45),
    ]  # fmt: skip
    cap = [(0.19, 1.46), (0.2, 1.48), (0.2, 1.74), (0.185, 1.77), (0.15, 1.78)]

    def draw(picture: NDArray[np.uint8]) -> None:
        picture[:] = (236, 228, 208)
        cv2.circle(picture, (500, 250), 120, (196, 92, 60), -1, cv2.LINE_AA)
        cv2.circle(picture, (455, 270), 120, (222, 164, 76), -1, cv2.LINE_AA)
        font = cv2.FONT_HERSHEY_TRIPLEX
        cv2.putText(picture, "apricot", (330, 490), font, 2.4, (70, 52, 46), 4, cv2.LINE_AA)
        cv2.putText(
            picture, "hair & body wash", (345, 570), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (70, 52, 46), 2, cv2.LINE_AA
        )
        cv2.line(picture, (340, 620), (650, 620), (196, 92, 60), 5, cv2.LINE_AA)
        cv2.putText(picture, "250 ml", (440, 690), cv2.FONT_HERSHEY_SIMPLEX, 1.1, (70, 52, 46), 2, cv2.LINE_AA)

    label = printed(1000, 760, draw)

    def shape(p: Float) -> Float:
        return union(revolved(p, profile) - np.float32(0.012), revolved(p, cap) - np.float32(0.012)) * np.float32(0.9)

    def paint(p: Float, _: Float) -> Surface:
        angle = np.arctan2(p[0], p[2])
        u, v = angle / np.float32(np.pi) + np.float32(0.42), (p[1] - 0.16) / np.float32(0.9)
        on_label = (np.abs(u - 0.5) < 0.46) & (v > 0) & (v < 1) & (p[1] < 1.3)
        plastic = np.where(p[1] > 1.45, vector(0.75, 0.72, 0.66), vector(0.72, 0.24, 0.11))
        ribs = np.where((p[1] > 1.49) & (p[1] < 1.7), 0.9 + 0.1 * np.sin(angle * 60), 1.0)
        albedo = np.where(on_label, label(u, v), plastic * ribs)
        return Surface(albedo.astype(np.float32), np.where(on_label, 0.02, 0.045), np.where(on_label, 0.2, 0.05))

    return Scene(
        "bottle",
        shape,
        paint,
        paper(),
        (0, 0.9, 0),
        1.0,
        (-0.5, 1.55, 6.2),
        (0.0, 0.86, 0),
        zoom=2.45,
        key=(-5.5, 6.5, 4.5),
        seed=12,
    )


def shoe() -> Scene:
    """A running shoe, side on."""

    def outline(p: Float) -> Float:
        """Distance to the footprint: two circles and what joins them, seen from above."""
        heel = np.hypot(p[0] + 0.95, p[2] - 0.02) - np.float32(0.36)
        ball = np.hypot(p[0] - 0.72, p[2] + 0.04) - np.float32(0.46)
        waist = np.abs(p[2] + 0.02) - np.float32(0.33) + np.maximum(np.abs(p[0] + 0.1) - 0.85, 0)
        return blend(blend(heel, waist, 0.25), ball, 0.3)

    def rise(p: Float) -> Float:
        return 0.16 * np.clip((p[0] - 0.55) / 0.7, 0, 1) ** 2 + 0.05 * np.clip((-p[0] - 0.9) / 0.4, 0, 1) ** 2

    def sole(p: Float) -> Float:
        lifted = p[1] - rise(p).astype(np.float32)
        thick = np.float32(0.15) - np.float32(0.035) * p[0]
        groove = np.float32(0.012) * np.sin(p[0] * 26) * (lifted < 0.08)
        return (extruded(outline(p) + np.float32(0.07) + groove, lifted - thick, 0.11) - np.float32(0.04)) * np.float32(0.8)

    def upper(p: Float) -> Float:
        q = moved(p, 0, 0.3, 0)
        toe = ellipsoid(moved(turned(q, 6, 2), 0.6, 0.06, -0.04), 0.7, 0.34, 0.42)
        instep = ellipsoid(moved(turned(q, 27, 2), 0.02, 0.26, -0.02), 0.72, 0.34, 0.33)
        heel = ellipsoid(moved(turned(q, -6, 2), -0.84, 0.22, 0.02), 0.42, 0.62, 0.35)
        body = blend(blend(toe, instep, 0.3), heel, 0.3)
        collar = turned(moved(q, -0.62, 0.74, 0.02), -12, 2)
        lowered = np.maximum(
            body, collar[1] - np.float32(0.02) + np.float32(0.25) * np.minimum(collar[0] ** 2, np.float32(0.2))
        )
        hollow = ellipsoid(moved(collar, 0, -0.05, 0), 0.44, 0.4, 0.235)
        return cut(np.maximum(lowered - np.float32(0.03), -q[1] - np.float32(0.1)), hollow)

    def laces(p: Float) -> Float:
        rows = []
        for row in range(5):
            x, y = 0.45 - 0.13 * row, 0.775 + 0.072 * row
            rows.append(capsule(p, (x, y - 0.05, -0.2), (x + 0.03, y + 0.01, 0.0), 0.028))
            rows.append(capsule(p, (x + 0.03, y + 0.01, 0.0), (x - 0.02, y - 0.05, 0.2), 0.028))
        return union(*rows)

    def shape(p: Float) -> Float:
        q = turned(p, 24)
        return union(sole(q), upper(q), laces(q)) * np.float32(0.7)

    def paint(p: Float, _: Float) -> Surface:
        q = turned(p, 24)
        parts = np.argmin(np.stack([sole(q), upper(q), laces(q)]), axis=0)
        knit = 0.86 + 0.14 * np.sin(q[0] * 95) * np.sin(q[1] * 110)
        cloth = vector(0.62, 0.075, 0.06) * knit.astype(np.float32)
        stripe = np.abs(q[0] * 0.8 - q[1] * 0.9 + 0.68) < 0.07
        second = np.abs(q[0] * 0.8 - q[1] * 0.9 + 0.42) < 0.07
        side = (np.abs(q[2]) > 0.17) & (q[1] < 0.78)
        cloth = np.where((stripe | second) & side, vector(0.8, 0.78, 0.74), cloth)
        cloth = np.where((q[0] < -1.12) & (np.abs(q[2]) < 0.12), vector(0.8, 0.78, 0.74), cloth)
        cloth = np.where(np.hypot(np.hypot(q[0] + 0.62, (q[2] - 0.02) * 1.6), 0) < 0.37, cloth * 0.25, cloth)
        rubber = np.where((q[1] - rise(q) < 0.1), vector(0.09, 0.09, 0.1), vector(0.8, 0.79, 0.76))
        albedo = np.where(parts == 0, rubber, np.where(parts == 1, cloth, vector(0.8, 0.79, 0.77)))
        return Surface(albedo.astype(np.float32), np.where(parts == 0, 0.03, 0.0), 0.3)

    return Scene(
        "shoe",
        shape,
        paint,
        paper((0.55, 0.6, 0.63)),
        (0, 0.6, 0),
        1.75,
        (0.4, 2.2, 7.6),
        (-0.02, 0.56, 0),
        zoom=2.35,
        seed=13,
    )


def tape() -> Scene:
    """A roll of parcel tape standing on its rim; the stage shows through the middle."""

    def shape(p: Float) -> Float:
        q = turned(moved(p, 0, 0.62, 0), 32)
        ring = np.abs(np.hypot(q[0], q[1]) - np.float32(0.5)) - np.float32(0.1)
        roll = extruded(ring, q[2], 0.235) - np.float32(0.012)
        r, end = np.hypot(q[0], q[1]), np.arctan2(q[1], q[0])
        flap = np.maximum(np.abs(r - 0.617) - 0.004, np.maximum(np.abs(end - 0.9) - 0.35, np.abs(q[2]) - 0.235))
        return union(roll, flap * np.float32(0.9)).astype(np.float32)

    def paint(p: Float, _: Float) -> Surface:
        q = turned(moved(p, 0, 0.62, 0), 32)
        r = np.hypot(q[0], q[1])
        card = vector(0.5, 0.36, 0.22) * (0.85 + 0.25 * noise(q * vector(20, 20, 60), 3))
        film = vector(0.56, 0.33, 0.12) * (0.9 + 0.1 * np.sin(r * 420)).astype(np.float32)
        core = r < 0.435
        return Surface(
            np.where(core, card, film).astype(np.float32), np.where(core, 0.0, 0.045), np.where(core, 1, 0.08)
        )

    return Scene(
        "tape",
        shape,
        paint,
        paper((0.16, 0.28, 0.4)),
        (0, 0.62, 0),
        0.78,
        (0.1, 1.75, 5.2),
        (0, 0.58, 0),
        zoom=2.9,
        key=(5, 7, 5),
        seed=14,
    )


def carton() -> Scene:
    """A printed folding box."""

    def draw(picture: NDArray[np.uint8]) -> None:
        picture[:] = (28, 74, 82)
        cv2.rectangle(picture, (0, 560), (800, 1000), (234, 222, 196), -1)
        for ring, colour in enumerate(((240, 188, 66), (232, 130, 62), (206, 74, 62))):
            cv2.circle(picture, (400, 560), 250 - 70 * ring, colour, -1, cv2.LINE_AA)
        cv2.rectangle(picture, (0, 560), (800, 1000), (234, 222, 196), -1)
        cv2.putText(picture, "SUNRISE", (150, 720), cv2.FONT_HERSHEY_TRIPLEX, 3.2, (28, 74, 82), 7, cv2.LINE_AA)
        cv2.putText(picture, "loose leaf tea", (215, 810), cv2.FONT_HERSHEY_SIMPLEX, 1.6, (28, 74, 82), 3, cv2.LINE_AA)
        cv2.putText(picture, "100 g", (340, 910), cv2.FONT_HERSHEY_SIMPLEX, 1.4, (28, 74, 82), 3, cv2.LINE_AA)

    front = printed(800, 1000, draw)

    def local(p: Float) -> Float:
        return moved(turned(p, -33), 0, 0.75, 0)

    def shape(p: Float) -> Float:
        return box(local(p), 0.6, 0.75, 0.34, 0.018)

    def paint(p: Float, normal: Float) -> Surface:
        q, n = local(p), turned(normal, -33)
        face = front(q[0] / np.float32(1.2) + np.float32(0.5), q[1] / np.float32(1.5) + np.float32(0.5))
        band = np.where(q[1] > -0.09, vector(0.012, 0.07, 0.084), vector(0.7, 0.62, 0.46))
        flap = np.where((np.abs(q[2]) < 0.004) & (n[1] > 0.8), vector(0.005, 0.03, 0.035), band)
        return Surface(np.where(n[2] > 0.7, face, flap).astype(np.float32), 0.035, 0.12)

    return Scene(
        "carton",
        shape,
        paint,
        paper(),
        (0, 0.75, 0),
        1.1,
        (0.3, 2.0, 5.4),
        (0.0, 0.72, 0),
        zoom=2.4,
        key=(5, 7, 5.5),
        seed=15,
    )


def handbag() -> Scene:
    """A leather bag with two handles and the wall between them."""

    def handles(p: Float) -> Float:
        arcs = []
        for z in (-0.13, 0.15):
            q = moved(turned(moved(p, 0, 1.12, z), 8 if z > 0 else -6, 0), 0, 0, 0)
            arc = np.hypot(np.hypot(q[0] * 1.15, np.maximum(q[1], 0) * 0.82) - np.float32(0.46), q[2]) - np.float32(
                0.034
            )
            legs = np.hypot(np.abs(q[0]) - np.float32(0.4), q[2]) - np.float32(0.034)
            arcs.append(np.where(q[1] > 0, arc, np.maximum(legs, -q[1] - np.float32(0.3))))
        return union(*arcs)

    def body(p: Float) -> Float:
        taper = (1 + 0.16 * (0.6 - p[1])).astype(np.float32)
        q = np.stack([p[0] / taper, p[1] - np.float32(0.6), p[2] / (taper * taper)])
        bulge = np.float32(0.05) * np.cos(np.clip(q[0] * 1.9, -1.5, 1.5)) * np.cos(np.clip(q[1] * 2.2, -1.5, 1.5))
        sag = np.float32(0.03) * np.cos(np.clip(q[0] * 2, -1.5, 1.5)) * np.clip(q[1] * 2, 0, 1)
        return box(q + np.stack([np.zeros_like(sag), sag, np.zeros_like(sag)]), 0.86, 0.58, 0.24, 0.1) - bulge

    def straps(p: Float) -> Float:
        q = np.stack([np.abs(p[0]) - np.float32(0.4), p[1] - np.float32(0.86), np.abs(p[2]) - np.float32(0.26)])
        return box(q, 0.06, 0.22, 0.045, 0.02)

    def shape(p: Float) -> Float:
        q = turned(p, -22)
        return union(blend(body(q), straps(q), 0.03), handles(q)) * np.float32(0.7)

    def paint(p: Float, _: Float) -> Surface:
        q = turned(p, -22)
        grain = 0.8 + 0.3 * noise(q * 38, 4) * noise(q * 17, 5)
        leather = vector(0.30, 0.105, 0.04) * grain
        dark = (handles(q) < 0.01) | (straps(q) < 0.012)
        stitch = (np.abs(np.abs(q[0]) - 0.74) < 0.008) & (np.sin(q[1] * 130) > -0.2) & (q[1] > 0.12) & (q[1] < 1.05)
        albedo = np.where(dark, leather * 0.45, np.where(stitch, vector(0.62, 0.5, 0.33), leather))
        rivet = np.hypot(np.abs(q[0]) - 0.4, q[1] - 0.78) < 0.035
        albedo = np.where(rivet & dark, vector(0.62, 0.48, 0.22), albedo)
        return Surface(albedo.astype(np.float32), np.where(rivet, 0.3, 0.03), 0.28)

    return Scene(
        "handbag",
        shape,
        paint,
        paper((0.6, 0.56, 0.5)),
        (0, 0.85, 0),
        1.35,
        (-0.3, 1.75, 6.6),
        (0, 0.78, 0),
        zoom=2.5,
        seed=16,
    )


def teapot() -> Scene:
    """A white porcelain teapot before white paper: the hard case."""

    def shape(p: Float) -> Float:
        q = turned(p, 18)
        belly = ellipsoid(moved(q, 0, 0.52, 0), 0.62, 0.5, 0.62)
        belly = np.maximum(belly, -q[1] + np.float32(0.02))
        foot = cylinder(moved(q, 0, 0.04, 0), 0.3, 0.04, 0.02)
        lid = ellipsoid(moved(q, 0, 0.93, 0), 0.34, 0.12, 0.34)
        knob = ellipsoid(moved(q, 0, 1.1, 0), 0.085, 0.08, 0.085)
        bends = [(0.42, 0.3, 0.13), (0.7, 0.42, 0.105), (0.83, 0.62, 0.082), (0.9, 0.8, 0.07), (1.02, 0.95, 0.06)]
        parts = [
            capsule(q, (x0, y0, 0), (x1, y1, 0), r1)
            for (x0, y0, _), (x1, y1, r1) in zip(bends, bends[1:], strict=False)
        ]
        spout = parts[0]
        for part in parts[1:]:
            spout = blend(spout, part, 0.06)
        spout = cut(spout, capsule(q, (0.98, 0.91, 0), (1.2, 1.16, 0), 0.04))
        handle = torus(moved(q, -0.62, 0.56, 0), 0.27, 0.05)
        body = blend(blend(belly, spout, 0.12), handle, 0.06)
        return union(blend(body, foot, 0.05), blend(lid, knob, 0.06)) * np.float32(0.75)

    def paint(p: Float, _: Float) -> Surface:
        q = turned(p, 18)
        gap = np.abs(q[1] - 0.925) < 0.009
        band = np.abs(q[1] - 0.62) < 0.022
        body = np.where(band & (np.hypot(q[0], q[2]) < 0.625), vector(0.05, 0.1, 0.34), vector(0.74, 0.73, 0.71))
        return Surface(np.where(gap, body * 0.4, body).astype(np.float32), 0.05, 0.015)

    return Scene(
        "teapot", shape, paint, paper((0.7, 0.69, 0.67)), (0.05, 0.58, 0), 1.15, (0.3, 1.9, 5.6), (0.06, 0.54, 0), zoom=2.5,
        key=(-5, 6.5, 4), room=0.42, key_power=2.4, seed=17,
    )  # fmt: skip


def truck() -> Scene:
    """A wooden toy truck."""

    def wheels(p: Float) -> Float:
        q = turned(np.stack([np.abs(p[0] + 0.02) - np.float32(0.55), p[1] - np.float32(0.22), p[2]]), 90, 0)
        q[1] = np.abs(q[1]) - np.float32(0.37)
        return cut(cylinder(q, 0.22, 0.07, 0.03), cylinder(moved(q, 0, 0.09, 0), 0.12, 0.05, 0.01))

    def chassis(p: Float) -> Float:
        return box(moved(p, 0, 0.32, 0), 0.95, 0.1, 0.32, 0.04)

    def cabin(p: Float) -> Float:
        q = moved(p, 0.52, 0.7, 0)
        slope = q[0] * np.float32(0.86) + q[1] * np.float32(0.5) - np.float32(0.36)
        block = np.maximum(box(q, 0.36, 0.34, 0.33, 0.06), slope)
        window = box(moved(q, 0.02, 0.08, 0), 0.17, 0.13, 0.5, 0.04)
        return cut(block, window)

    def load(p: Float) -> Float:
        tub = box(moved(p, -0.42, 0.62, 0), 0.5, 0.22, 0.33, 0.04)
        tub = cut(tub, box(moved(p, -0.42, 0.74, 0), 0.44, 0.3, 0.27, 0.03))
        balls = [
            np.sqrt(((p - vector(x, 0.72, z)) ** 2).sum(0)) - 0.17
            for x, z in ((-0.66, 0.08), (-0.34, -0.07), (-0.1, 0.1))
        ]
        return union(tub, *balls).astype(np.float32)

    def pegs(p: Float) -> Float:
        lamp = np.stack([p[0] - 0.93, p[1] - np.float32(0.52), np.abs(p[2]) - np.float32(0.2)])
        return (np.sqrt((lamp**2).sum(0)) - np.float32(0.06)).astype(np.float32)

    def parts(q: Float) -> list[Float]:
        return [wheels(q), chassis(q), cabin(q), load(q), pegs(q)]

    def shape(p: Float) -> Float:
        return union(*parts(turned(p, 30))) * np.float32(0.85)

    def paint(p: Float, _: Float) -> Surface:
        q = turned(p, 30)
        grain = (0.82 + 0.25 * noise(q * vector(3, 40, 40), 2)).astype(np.float32)
        maple, red = vector(0.66, 0.44, 0.22) * grain, vector(0.6, 0.05, 0.035)
        blue, yellow = vector(0.04, 0.16, 0.36), vector(0.85, 0.52, 0.05)
        balls = np.where(q[0] < -0.5, yellow, np.where(q[0] < -0.2, vector(0.05, 0.3, 0.12), red))
        in_tub = (q[1] > 0.55) & (np.abs(q[2]) < 0.26) & (np.abs(q[0] + 0.42) < 0.43)
        colours = [maple, maple, red, np.where(in_tub, balls, blue), yellow]
        part = np.argmin(np.stack(parts(q)), axis=0)
        albedo = np.select([part == k for k in range(5)], [np.broadcast_to(c, p.shape) for c in colours])
        return Surface(albedo.astype(np.float32), 0.035, 0.1)

    return Scene(
        "truck",
        shape,
        paint,
        paper((0.72, 0.68, 0.6)),
        (0, 0.5, 0),
        1.3,
        (0.8, 2.3, 5.6),
        (0.02, 0.46, 0),
        zoom=2.25,
        seed=18,
    )


SCENES: tuple[Callable[[], Scene], ...] = (mug, bottle, shoe, tape, carton, handbag, teapot, truck)
