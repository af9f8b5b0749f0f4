"""Is this the network its card describes? Element type, shape and int8 affine of both ends."""

import math
from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import NDArray

from packshot.errors import ModelError
from packshot.matting.card import TensorSpec

SCALE_TOLERANCE = 1e-5  # cards are written by people and JSON; float32 holds 6e-8


def check_tensor(kind: str, details: Mapping[str, Any], spec: TensorSpec) -> None:
    """Compare one tensor as the interpreter describes it with the card; ModelError names the first difference."""
    dtype = np.dtype(details["dtype"])
    if dtype != np.int8:
        raise ModelError(f"the network's {kind} is {dtype}, not int8; quantise it before it is released")
    shape = tuple(int(side) for side in details["shape"])
    expected = (1, spec.height, spec.width, spec.channels)
    if shape != expected:
        raise ModelError(
            f"the network's {kind} has shape {shape}, its card says {expected}; they do not belong together"
        )
    scale, zero_point = details["quantization"]
    if not math.isclose(scale, spec.scale, rel_tol=SCALE_TOLERANCE) or zero_point != spec.zero_point:
        raise ModelError(
            f"the network's {kind} has scale {scale:.7g} and zero point {zero_point}, its card says "
            f"{spec.scale:.7g} and {spec.zero_point}; they do not belong together"
        )


def check_fed(tensor: NDArray[Any], spec: TensorSpec) -> None:
    """Raise ValueError unless ``tensor`` is the (1, H, W, C) int8 array the card asks for."""
    expected = (1, spec.height, spec.width, spec.channels)
    if tensor.dtype != np.int8 or tensor.shape != expected:
        raise ValueError(f"the network takes int8 {expected}, got {tensor.dtype} {tensor.shape}")
