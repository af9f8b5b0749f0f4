"""pymatting's side of ``compare_matting.py``; runs in rembg's environment, which brings pymatting."""

import json
import sys
from time import perf_counter

import numpy as np
from pymatting import estimate_foreground_ml


def main() -> None:
    """Error in the band and milliseconds for every scene file named on the command line."""
    estimate_foreground_ml(np.zeros((8, 8, 3)), np.zeros((8, 8)))  # compiles
    for path in sys.argv[1:]:
        scene = np.load(path)
        photo, alpha = scene["photo"] / 255.0, scene["alpha"].astype(np.float64)
        began = perf_counter()
        foreground = estimate_foreground_ml(photo, alpha)
        ms = (perf_counter() - began) * 1000
        band = (alpha > 0.05) & (alpha < 0.95)
        error = float(np.abs(foreground - scene["foreground"])[band].mean())
        print(json.dumps({"error": error, "ms": ms}), flush=True)


if __name__ == "__main__":
    main()
