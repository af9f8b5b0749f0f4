"""A small path tracer: one softbox, a bright room, one bounce of diffuse light, glossy coats.

Rays are (3, N) float32 in tiles that fit the processor's cache. Lengths in decimetres, radiance in units of white paper
in the key light.
"""

from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from tools.samples.shapes import Float, Shape, vector

FAR = np.float32(1e4)
TILE = 1 << 15
STEPS = 90
NEAR_ENOUGH = np.float32(4e-4)


@dataclass
class Surface:
    """What a surface looks like at N points: ``albedo`` (3, N), ``gloss`` and ``roughness`` (N,)."""

    albedo: Float
    gloss: Float | float = 0.0  # mirror reflectance seen straight on; 0.04 is glaze or plastic
    roughness: Float | float = 0.0


Paint = Callable[[Float, Float], Surface]


@dataclass
class Scene:
    """A subject in front of a sweep: a floor that bends up into a wall at ``wall_z`` with radius ``bend``."""

    name: str
    subject: Shape
    paint: Paint
    backdrop: Paint
    centre: tuple[float, float, float]
    radius: float  # of a ball around ``centre`` that holds the subject
    eye: tuple[float, float, float]
    target: tuple[float, float, float]
    zoom: float = 3.0  # focal length in picture heights
    wall_z: float = -6.0
    bend: float = 2.5
    key: tuple[float, float, float] = (-5.0, 8.0, 5.0)
    key_size: float = 2.2
    key_power: float = 2.6
    room: float = 0.55
    seed: int = field(default=1)


class _Draws:
    """Even random numbers: the R8 sequence, shifted at random for every pixel.

    M. Roberts, "The unreasonable effectiveness of quasirandom sequences" (2018): the steps are powers of the inverse
    of the root of x^9 = x + 1. ``at(k)`` gives two independent streams in [0, 1) for the k-th purpose of a sample.
    """

    STEP = 1 / 1.0850702454914507

    def __init__(self, rng: np.random.Generator, count: int) -> None:
        self._shift = rng.random((8, count))
        self.sample = 0

    def at(self, purpose: int) -> tuple[Float, Float]:
        pair = []
        for dimension in (2 * purpose, 2 * purpose + 1):
            value = self._shift[dimension] + self.sample * self.STEP ** (dimension + 1)
            pair.append((value % 1).astype(np.float32))
        return pair[0], pair[1]


PIXEL, LIGHT, BOUNCE, GLOSS = range(4)


@dataclass
class _Rays:
    origin: Float
    direction: Float


@dataclass
class _Hits:
    point: Float
    normal: Float
    on_subject: NDArray[np.bool_]
    missed: NDArray[np.bool_]


def render(scene: Scene, width: int, height: int, samples: int) -> tuple[Float, Float]:
    """Linear picture (height, width, 3) and the subject's true coverage (height, width), float32, seeded."""
    pixels = np.arange(width * height)
    colour = np.zeros((3, pixels.size), np.float32)
    cover = np.zeros(pixels.size, np.float32)
    for start in range(0, pixels.size, TILE):
        tile = pixels[start : start + TILE]
        draws = _Draws(np.random.default_rng([scene.seed, start]), tile.size)
        for sample in range(samples):
            draws.sample = sample
            light, on_subject = _radiance(scene, _camera_rays(scene, tile, width, height, draws), draws)
            colour[:, tile] += np.minimum(light, 8.0)
            cover[tile] += on_subject
    return (colour / samples).T.reshape(height, width, 3), (cover / samples).reshape(height, width)


def _camera_rays(scene: Scene, tile: NDArray[np.int64], width: int, height: int, draws: _Draws) -> _Rays:
    """Rays through random points of the tile's pixels."""
    jx, jy = draws.at(PIXEL)
    x = ((tile % width + jx) - width / 2) / height
    y = (height / 2 - (tile // width + jy)) / height
    eye, target = vector(*scene.eye), vector(*scene.target)
    forward = _unit(target - eye)
    right = _unit(np.cross(forward, vector(0, 1, 0), axis=0))
    up = np.cross(right, forward, axis=0)
    direction = _unit(forward * np.float32(scene.zoom) + right * x.astype(np.float32) + up * y.astype(np.float32))
    return _Rays(np.broadcast_to(eye, direction.shape).copy(), direction)


def _radiance(scene: Scene, rays: _Rays, draws: _Draws) -> tuple[Float, NDArray[np.bool_]]:
    """Light along the rays, one path each, and which of them see the subject."""
    hits = _trace(scene, rays)
    surface = _surface(scene, hits)
    light = surface.albedo * (_key_light(scene, hits, draws) + _bounced(scene, hits, draws))
    light = light + _reflected(scene, rays, hits, surface, draws)
    return np.where(hits.missed, _room(scene, rays.direction), light), hits.on_subject


def _trace(scene: Scene, rays: _Rays) -> _Hits:
    to_subject = _march_subject(scene, rays, FAR)
    to_backdrop = _march(lambda p: _sweep(scene, p), rays, np.zeros_like(to_subject), np.full_like(to_subject, 60.0))
    distance = np.minimum(to_subject, to_backdrop)
    missed, on_subject = distance >= FAR, to_subject < to_backdrop
    point = rays.origin + rays.direction * np.where(missed, 0, distance)
    normal = np.zeros_like(point)
    for mask, shape in ((on_subject, scene.subject), (~on_subject, lambda p: _sweep(scene, p))):
        if mask.any():
            normal[:, mask] = _normal(shape, point[:, mask])
    return _Hits(point + normal * np.float32(2e-3), normal, on_subject & ~missed, missed)


def _surface(scene: Scene, hits: _Hits) -> Surface:
    count = hits.point.shape[1]
    result = Surface(np.zeros((3, count), np.float32), np.zeros(count, np.float32), np.zeros(count, np.float32))
    for mask, paint in ((hits.on_subject, scene.paint), (~hits.on_subject, scene.backdrop)):
        if mask.any():
            part = paint(hits.point[:, mask], hits.normal[:, mask])
            result.albedo[:, mask] = part.albedo
            result.gloss[mask], result.roughness[mask] = part.gloss, part.roughness  # type: ignore[index]
    return result


def _key_light(scene: Scene, hits: _Hits, draws: _Draws) -> Float:
    """What one random point of the softbox sends to each hit, shadows included, (N,)."""
    centre, across, upward, facing = _softbox(scene)
    u, v = draws.at(LIGHT)
    to_light = centre + across * (2 * u - 1) + upward * (2 * v - 1) - hits.point
    distance = np.sqrt((to_light**2).sum(0))
    direction = to_light / distance
    cosines = np.maximum((direction * hits.normal).sum(0), 0) * np.maximum(-(direction * facing).sum(0), 0)
    lit = cosines > 0
    blocked = np.zeros(lit.shape, bool)
    blocked[lit] = _march_subject(scene, _Rays(hits.point[:, lit], direction[:, lit]), FAR) < FAR
    scale = scene.key_power * float((centre**2).sum())
    return np.where(lit & ~blocked, np.float32(scale) * cosines / distance**2, 0).astype(np.float32)


def _bounced(scene: Scene, hits: _Hits, draws: _Draws) -> Float:
    """Light of the room and of lit surfaces from one cosine-weighted direction, (3, N)."""
    direction = _unit(hits.normal + _ball(*draws.at(BOUNCE)))
    return _incoming(scene, _Rays(hits.point, direction), softbox=False)


def _reflected(scene: Scene, rays: _Rays, hits: _Hits, surface: Surface, draws: _Draws) -> Float:
    """The glossy coat: Schlick's Fresnel times what is seen in the mirror direction."""
    facing = -(rays.direction * hits.normal).sum(0)
    fresnel = surface.gloss + (1 - np.asarray(surface.gloss)) * np.clip(1 - facing, 0, 1) ** 5
    glossy = np.asarray(surface.gloss) > 0
    result = np.zeros_like(hits.point)
    if glossy.any():
        mirror = rays.direction + 2 * facing * hits.normal
        rough = np.asarray(surface.roughness) * _ball(*draws.at(GLOSS))
        seen = _Rays(hits.point[:, glossy], _unit(mirror + rough)[:, glossy])
        result[:, glossy] = fresnel[glossy] * _incoming(scene, seen, softbox=True)
    return result


def _incoming(scene: Scene, rays: _Rays, softbox: bool) -> Float:
    """Light that comes along rays leaving a surface: room, softbox, or a rough guess of what a lit surface sends."""
    light = _room(scene, rays.direction)
    if softbox:
        light = np.where(_sees_softbox(scene, rays), np.float32(scene.key_power * 3), light)
    hits = _trace(scene, rays)
    if not hits.missed.all():
        to_key = _unit(vector(*scene.key) - hits.point)
        key = np.maximum((to_key * hits.normal).sum(0), 0) * np.float32(scene.key_power * 0.35)
        sky = (0.6 + 0.4 * hits.normal[1]) * np.float32(scene.room)
        light = np.where(hits.missed, light, _surface(scene, hits).albedo * (key + sky))
    return light.astype(np.float32)


def _room(scene: Scene, direction: Float) -> Float:
    """A plain room, brighter above, a touch cooler than the key."""
    height = 0.5 + 0.5 * direction[1]
    return vector(0.97, 1.0, 1.04) * (np.float32(scene.room) * (0.55 + 0.75 * height)).astype(np.float32)


def _softbox(scene: Scene) -> tuple[Float, Float, Float, Float]:
    """Centre, the two half sides, and the direction it shines in."""
    centre = vector(*scene.key)
    facing = _unit(vector(*scene.centre) - centre)
    across = _unit(np.cross(facing, vector(0, 1, 0), axis=0)) * np.float32(scene.key_size)
    return centre, across, np.cross(across, facing, axis=0), facing


def _sees_softbox(scene: Scene, rays: _Rays) -> NDArray[np.bool_]:
    centre, across, upward, facing = _softbox(scene)
    along = (rays.direction * facing).sum(0)
    distance = ((centre - rays.origin) * facing).sum(0) / np.where(along < -1e-4, along, np.float32(-1e-4))
    offset = rays.origin + rays.direction * distance - centre
    size2 = np.float32(scene.key_size**2)
    inside = (np.abs((offset * across).sum(0)) < size2) & (np.abs((offset * upward).sum(0)) < size2)
    return inside & (along < -1e-4) & (distance > 0)


def _sweep(scene: Scene, p: Float) -> Float:
    """Distance to the floor that bends up into the wall."""
    height, depth = p[1], p[2] - np.float32(scene.wall_z)
    bend = np.float32(scene.bend)
    corner = bend - np.hypot(bend - height, bend - depth)
    return np.where((height < bend) & (depth < bend), corner, np.minimum(height, depth))


def _march_subject(scene: Scene, rays: _Rays, far: np.float32) -> Float:
    """Distance along each ray to the subject, ``far`` where it misses; only inside the ball around it."""
    offset = rays.origin - vector(*scene.centre)
    b = (offset * rays.direction).sum(0)
    inside = b * b - (offset**2).sum(0) + np.float32(scene.radius**2)
    reach = np.sqrt(np.maximum(inside, 0))
    near = (inside > 0) & (b < reach)
    result = np.full(b.shape, far, np.float32)
    if near.any():
        part = _Rays(rays.origin[:, near], rays.direction[:, near])
        result[near] = _march(scene.subject, part, np.maximum(-b - reach, 0)[near], (reach - b)[near])
    return result


def _march(shape: Shape, rays: _Rays, start: Float, end: Float) -> Float:
    """Sphere tracing between two distances; FAR where nothing was met."""
    result = np.full(start.shape, FAR, np.float32)
    index, t = np.arange(start.size), start.astype(np.float32)
    origin, direction = rays.origin, rays.direction
    for _ in range(STEPS):
        step = shape(origin + direction * t)
        hit = step < NEAR_ENOUGH
        result[index[hit]] = t[hit]
        t = t + np.maximum(step, NEAR_ENOUGH) * np.float32(0.95)
        going = ~hit & (t < end)
        if not going.any():
            break
        index, t, end = index[going], t[going], end[going]
        origin, direction = origin[:, going], direction[:, going]
    return result


def _normal(shape: Shape, p: Float) -> Float:
    """The gradient from four evaluations at the corners of a tetrahedron."""
    total = np.zeros_like(p)
    for corner in ((1, -1, -1), (-1, -1, 1), (-1, 1, -1), (1, 1, 1)):
        k = vector(*corner)
        total += k * shape(p + k * np.float32(1.5e-3))
    return _unit(total)


def _ball(u: Float, v: Float) -> Float:
    """Points on the unit sphere from two numbers in [0, 1)."""
    z, turn = 2 * u - 1, np.float32(2 * np.pi) * v
    flat = np.sqrt(np.maximum(1 - z * z, 0))
    return np.stack([flat * np.cos(turn), flat * np.sin(turn), z]).astype(np.float32)


def _unit(v: Float) -> Float:
    return (v / np.maximum(np.sqrt((v**2).sum(0)), np.float32(1e-9))).astype(np.float32)
