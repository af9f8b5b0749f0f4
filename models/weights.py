"""Trained weights in files: averaged, half precision, at most 6 MB, read by releases and warm starts."""

import pickle
from pathlib import Path

import torch
from torch import nn

from models.u2net_lite import Config, build
from packshot.errors import UsageError


def load_weights(config: Config, path: Path) -> nn.Module:
    """A network in evaluation mode with the weights of ``path``; raises UsageError if they are another network's."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise UsageError(f"cannot read weights {path}: {str(error).splitlines()[0]}") from error
    network = build(config)
    try:
        network.load_state_dict({key: value.float() for key, value in state.items()})
    except (RuntimeError, AttributeError) as error:
        raise UsageError(f"{path} holds weights of another network than {config.name!r}") from error
    return network.eval()
