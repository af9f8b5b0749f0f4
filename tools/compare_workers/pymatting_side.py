"""pymatting's side of ``compare_matting.py``; runs in rembg's environment, which brings pymatting.

    pymatting_side.py (colour | alpha) SCENE.npz...

One JSON line per scene: the error and the milliseconds of one warm run.
"""

import json
import sys
from pathlib import Path
from time import perf_counter

import numpy as np
from pymatting import estimate_alpha_cf, estimate_foreground_ml


def colour(path: Path) -> tuple[float, float]:
    """Mean error of multi-level foreground estimation in the band, and milliseconds."""
    scene = np.load(path)
    photo, alpha = scene["photo"] / 255.0, scene["alpha"].astype(np.float64)
    began = perf_counter()
    foreground = estimate_foreground_ml(photo, alpha)
    ms = (perf_counter() - began) * 1000
    band = (alpha > 0.05) & (alpha < 0.95)
    return float(np.abs(foreground - scene["foreground"])[band].mean()), ms


def alpha(path: Path) -> tuple[float, float]:
    """SAD in thousands of closed-form matting from the scene's trimap, and milliseconds."""
    scene = np.load(path)
    photo, trimap = scene["photo"] / 255.0, scene["trimap"] / 255.0
    began = perf_counter()
    found = estimate_alpha_cf(photo, np.where((trimap > 0) & (trimap < 1), 0.5, trimap))
    ms = (perf_counter() - began) * 1000
    return float(np.abs(found - scene["alpha"]).sum() / 1000), ms


def main() -> None:
    """Measure every scene named on the command line."""
    estimate_foreground_ml(np.zeros((8, 8, 3)), np.zeros((8, 8)))  # compiles
    work = {"colour": colour, "alpha": alpha}[sys.argv[1]]
    for path in sys.argv[2:]:
        error, ms = work(Path(path))
        print(json.dumps({"error": error, "ms": ms}), flush=True)


if __name__ == "__main__":
    main()
