"""A smaller network begins with what a larger one has learnt: its leading channels, its outer levels.

    python -m models.slim --big default --small small --weights models/weights/u2net-lite-default.pt --out runs/small.pt

Low levels are alike in both and keep their skill; deep ones lose channels and need training (compare "Pruning filters
for efficient ConvNets", Li et al., ICLR 2017). The result is for ``models.train --warm``.
"""

import argparse
import re
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from models.checkpoint import half
from models.u2net_lite import CONFIGS, RSU, build
from models.weights import load_weights
from packshot.errors import PackshotError, UsageError

LEVEL = re.compile(r"(.*)\.up\.(\d+)\.(.*)")


def slim(big: nn.Module, small: nn.Module) -> dict[str, Tensor]:
    """State dict of ``small`` cut out of ``big``; raises UsageError if ``small`` is larger anywhere."""
    source = big.state_dict()
    blocks = {name: module for name, module in big.named_modules() if isinstance(module, RSU)}
    small_blocks = {name: module for name, module in small.named_modules() if isinstance(module, RSU)}
    return {
        name: _cut(source[_twin(name, blocks, small_blocks)], value, joined=".up." in name and value.ndim == 4)
        for name, value in small.state_dict().items()
    }


def _twin(name: str, big: dict[str, RSU], small: dict[str, RSU]) -> str:
    """The same place in the larger network; levels on the way up are counted from their end."""
    match = LEVEL.fullmatch(name)
    if match is None:
        return name
    block, level, rest = match.groups()
    return f"{block}.up.{int(level) + len(big[block].up) - len(small[block].up)}.{rest}"


def _cut(big: Tensor, small: Tensor, joined: bool) -> Tensor:
    """Leading part of ``big`` in the shape of ``small``; ``joined`` inputs are two halves, each cut for itself."""
    if any(a < b for a, b in zip(big.shape, small.shape, strict=True)):
        raise UsageError(f"a tensor of shape {tuple(small.shape)} cannot be cut out of one of {tuple(big.shape)}")
    if not joined:
        return big[tuple(slice(length) for length in small.shape)]
    half, wanted = big.shape[1] // 2, small.shape[1] // 2
    rows = big[: small.shape[0]]
    return torch.cat([rows[:, :wanted], rows[:, half : half + wanted]], 1)


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--big", choices=CONFIGS, default="default")
    parser.add_argument("--small", choices=CONFIGS, default="small")
    parser.add_argument("--weights", type=Path, required=True, help="of the larger network")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    try:
        state = slim(load_weights(CONFIGS[args.big], args.weights), build(CONFIGS[args.small]))
    except PackshotError as error:
        print(f"slim: {error}", file=sys.stderr)
        return error.exit_code
    torch.save(half(state), args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
