"""Everything a training run needs to go on as if it had never stopped, in one file written atomically."""

import csv
import os
import pickle
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import torch

from packshot.errors import UsageError

STATE = "state.pt"
WEIGHTS = "weights.pt"
HISTORY = "history.csv"
LENGTHS = ("samples", "minutes")  # a run may be made longer or shorter when it is resumed


def save(folder: Path, state: Mapping[str, Any]) -> None:
    """Replace ``state.pt`` and ``weights.pt``: averaged, half precision, what releases and warm starts read."""
    _replace(folder / STATE, state)
    _replace(folder / WEIGHTS, half(state["average"]))


def _replace(path: Path, content: Any) -> None:
    temporary = path.with_suffix(".tmp")
    with temporary.open("wb") as file:
        torch.save(content, file)
        file.flush()
        os.fsync(file.fileno())
    temporary.replace(path)


def half(state: Mapping[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A state dict with its floating-point tensors in half precision."""
    return {key: value.half() if value.is_floating_point() else value for key, value in state.items()}


def load(folder: Path, settings: Mapping[str, Any]) -> dict[str, Any] | None:
    """The state of the run in ``folder``, or None for a fresh folder.

    Raises UsageError where the folder belongs to a run with other settings or its state is damaged.
    """
    path = folder / STATE
    if not path.exists():
        return None
    try:
        state: dict[str, Any] = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError, EOFError, pickle.UnpicklingError) as error:
        raise UsageError(
            f"{path} is damaged ({str(error).splitlines()[0]}); delete it and start from {WEIGHTS} with --warm"
        ) from error
    fixed = {key: value for key, value in settings.items() if key not in LENGTHS}
    different = [key for key, value in fixed.items() if state["settings"].get(key) != value]
    if different:
        key = different[0]
        raise UsageError(
            f"{folder} holds a run with {key}={state['settings'].get(key)!r}, not {settings[key]!r};"
            " use another --out or the settings it began with"
        )
    return state


def append_history(folder: Path, row: Mapping[str, Any]) -> None:
    """Add one row to ``history.csv``, dropping rows that a run repeats after going back to its last checkpoint."""
    rows = [known for known in read_history(folder) if int(known["step"]) < int(row["step"])]
    with (folder / HISTORY).open("w", newline="") as file:
        writer = csv.DictWriter(file, row.keys())
        writer.writeheader()
        writer.writerows([*rows, row])


def read_history(folder: Path) -> list[dict[str, str]]:
    """Rows of ``history.csv`` as text; none for a fresh run."""
    path = folder / HISTORY
    if not path.exists():
        return []
    with path.open(newline="") as file:
        return list(csv.DictReader(file))
