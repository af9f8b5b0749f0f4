"""All scenes. Lengths are decimetres, y is up, the camera looks along -z."""

from collections.abc import Callable

from tools.samples.products import bottle, carton, handbag, mug, tape, teapot, truck, vase
from tools.samples.render import Scene

SCENES: tuple[Callable[[], Scene], ...] = (
    bottle.scene, carton.scene, handbag.scene, truck.scene, vase.scene, mug.scene, tape.scene, teapot.scene,
)  # fmt: skip
"""The demo shows the first five; the others have holes or hardly stand out from their ground."""
