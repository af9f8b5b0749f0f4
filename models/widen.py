"""A wider network begins as the narrower one whose weights it takes over, and computes the same.

    python -m models.widen --config default --weights NARROW.pt --out runs/wide.pt

New channels start at random and nothing listens to them yet, so that the first steps lose nothing (after "Net2Net:
Accelerating learning via knowledge transfer", Chen et al., ICLR 2016). The result is for ``models.train --warm``.
"""

import argparse
import sys
from collections.abc import Mapping
from pathlib import Path

import torch
from torch import Tensor, nn

from models.checkpoint import half
from models.u2net_lite import CONFIGS, build
from models.weights import read_weights
from packshot.errors import PackshotError, UsageError


def widen(narrow: Mapping[str, Tensor], wide: nn.Module) -> dict[str, Tensor]:
    """State dict of the freshly built ``wide`` with ``narrow`` inside; raises UsageError where that does not fit."""
    state = wide.state_dict()
    if narrow.keys() != state.keys():
        raise UsageError("the weights are of a network with other blocks or levels; only channels can be added")
    return {
        name: _inside(narrow[name], value, joined=".up." in name and value.ndim == 4) for name, value in state.items()
    }


def _inside(narrow: Tensor, wide: Tensor, joined: bool) -> Tensor:
    """``narrow`` as the leading part of ``wide``; ``joined`` inputs are two halves, each the leading part of its own.

    What the old outputs would take from new inputs is zero; new outputs keep their random weights.
    """
    if narrow.ndim != wide.ndim or any(a > b for a, b in zip(narrow.shape, wide.shape, strict=True)):
        raise UsageError(f"a tensor of shape {tuple(narrow.shape)} does not fit into one of {tuple(wide.shape)}")
    result = wide.clone()
    if narrow.ndim < 2:
        result[tuple(slice(length) for length in narrow.shape)] = narrow.to(wide.dtype)
        return result
    outputs = narrow.shape[0]
    result[:outputs] = 0
    halves = 2 if joined else 1
    for source, target in zip(narrow.chunk(halves, 1), result.chunk(halves, 1), strict=True):
        target[:outputs, : source.shape[1]] = source.to(wide.dtype)
    return result


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", choices=CONFIGS, default="default", help="the wider network")
    parser.add_argument("--weights", type=Path, required=True, help="of the narrower network")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.manual_seed(args.seed)
    try:
        state = widen(read_weights(args.weights), build(CONFIGS[args.config]))
    except PackshotError as error:
        print(f"widen: {error}", file=sys.stderr)
        return error.exit_code
    torch.save(half(state), args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
