"""Render the sample photos: ``python -m tools.samples --out FOLDER [--width 1280] [--samples 16] [NAME...]``.

Writes ``N-NAME.jpg`` as a camera would deliver it and ``truth/N-NAME.png``, the subject's true coverage in 8-bit gray.
"""

import argparse
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from tools.samples.render import Scene, render
from tools.samples.scenes import SCENES
from tools.samples.shapes import Float

JPEG_QUALITY = 90


def main() -> None:
    """Render what the command line asks for."""
    options = _options()
    (options.out / "truth").mkdir(parents=True, exist_ok=True)
    for number, make in enumerate(SCENES, 1):
        scene = make()
        if options.names and scene.name not in options.names:
            continue
        stem = f"{number}-{scene.name}"
        light, cover = render(scene, options.width, options.width * 3 // 4, options.samples)
        photo = develop(light, scene)
        cv2.imwrite(str(options.out / f"{stem}.jpg"), photo[..., ::-1], [cv2.IMWRITE_JPEG_QUALITY, JPEG_QUALITY])
        cv2.imwrite(str(options.out / "truth" / f"{stem}.png"), np.rint(cover * 255).astype(np.uint8))
        print(stem, "subject fills", round(float(cover.mean()), 3))


def develop(light: Float, scene: Scene) -> NDArray[np.uint8]:
    """Linear light (H, W, 3) to 8-bit sRGB: lens blur, sensor noise, film-like shoulder."""
    rng = np.random.default_rng(scene.seed)
    soft = cv2.GaussianBlur(light, (0, 0), 0.6)
    noisy = soft + rng.standard_normal(soft.shape, np.float32) * (0.003 + 0.009 * np.sqrt(np.maximum(soft, 0)))
    x = np.maximum(noisy, 0) * 0.72
    shoulder = x * (1 + x / 9) / (1 + x * 0.42)
    encoded = np.where(shoulder < 0.0031308, shoulder * 12.92, 1.055 * np.maximum(shoulder, 1e-6) ** (1 / 2.4) - 0.055)
    return np.clip(np.rint(encoded * 255), 0, 255).astype(np.uint8)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description="Render the sample photos.")
    parser.add_argument("names", nargs="*", metavar="NAME", help="products to render; all if none is named")
    parser.add_argument("--out", type=Path, required=True, help="folder to write into")
    parser.add_argument("--width", type=int, default=1280, help="pixels; the height is three quarters of it")
    parser.add_argument("--samples", type=int, default=16, help="paths per pixel")
    return parser.parse_args()


if __name__ == "__main__":
    main()
