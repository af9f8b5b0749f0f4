"""Trained weights in files: averaged, half precision, at most 6 MB, read by releases and warm starts.

    python -m models.weights OLD.pt NEW.pt --share 0.8 --out BLEND.pt

blends the weights a run began with into those it ended with: what fine-tuning made the network forget comes back
("Robust fine-tuning of zero-shot models", Wortsman et al., CVPR 2022). The share is for the validation lists to choose.
"""

import argparse
import pickle
import sys
from pathlib import Path

import torch
from torch import Tensor, nn

from models.u2net_lite import CONFIGS, Config, build
from packshot.errors import PackshotError, UsageError


def read_weights(path: Path) -> dict[str, Tensor]:
    """The state dict in ``path``, single precision, of whatever network; raises UsageError if it is none."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise UsageError(f"cannot read weights {path}: {str(error).splitlines()[0]}") from error
    try:
        return {key: value.float() for key, value in state.items()}
    except AttributeError as error:
        raise UsageError(f"{path} holds no weights") from error


def load_weights(config: Config, path: Path) -> nn.Module:
    """A network in evaluation mode with the weights of ``path``; raises UsageError if they are another network's."""
    state, network = read_weights(path), build(config)
    try:
        network.load_state_dict(state)
    except RuntimeError as error:
        raise UsageError(f"{path} holds weights of another network than {config.name!r}") from error
    return network.eval()


def blend(old: nn.Module, new: nn.Module, share: float) -> dict[str, Tensor]:
    """State dict of share * new + (1 - share) * old, half precision; both of one configuration."""
    before, after = old.state_dict(), new.state_dict()
    mixed = {key: torch.lerp(before[key].float(), value.float(), share) for key, value in after.items()}
    return {key: value.half() if after[key].is_floating_point() else after[key] for key, value in mixed.items()}


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("old", type=Path)
    parser.add_argument("new", type=Path)
    parser.add_argument("--config", choices=CONFIGS, default="default")
    parser.add_argument("--share", type=float, default=0.8, help="of the new weights, 0 to 1")
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    try:
        old, new = (load_weights(CONFIGS[args.config], path) for path in (args.old, args.new))
    except PackshotError as error:
        print(f"weights: {error}", file=sys.stderr)
        return error.exit_code
    torch.save(blend(old, new, args.share), args.out)
    return 0


if __name__ == "__main__":
    sys.exit(main())
