"""From trained weights to a released model: float and int8 graphs, files, and the card that describes them.

python -m models.quantize --config default --weights W.pt --version 0.1.0 --data ../shared/data
"""

import argparse
import hashlib
import json
import sys
from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

import torch
from torch import Tensor, nn

from models import tflite_writer
from models.calibrate import Affine, affines, observe
from models.data import UInt8, calibration_pictures
from models.graph import Graph, trace
from models.u2net_lite import CONFIGS, Config, build, multiply_accumulates, parameter_count
from packshot.errors import PackshotError, UsageError
from packshot.matting.card import FORMAT
from packshot.matting.tensor import IMAGENET_MEAN, IMAGENET_STD, normalise

RELEASED = Path(__file__).parent / "released"
CALIBRATION_COUNT = 240


def load_weights(config: Config, path: Path) -> nn.Module:
    """A network in evaluation mode with the weights of ``path``; raises UsageError if they are another network's."""
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
    except (OSError, RuntimeError, ValueError) as error:
        raise UsageError(f"cannot read weights {path}: {error}") from error
    network = build(config)
    try:
        network.load_state_dict({key: value.float() for key, value in state.items()})
    except (RuntimeError, AttributeError) as error:
        raise UsageError(f"{path} holds weights of another network than {config.name!r}") from error
    return network.eval()


def batches(images: UInt8, size: int = 8) -> Iterator[Tensor]:
    """(N, S, S, 3) RGB uint8 as normalised (size, 3, S, S) float tensors."""
    for start in range(0, len(images), size):
        values = normalise(images[start : start + size], IMAGENET_MEAN, IMAGENET_STD)
        yield torch.from_numpy(values).permute(0, 3, 1, 2).contiguous()


def quantised(network: nn.Module, config: Config, data: Path) -> tuple[Graph, dict[str, Affine]]:
    """The network's graph and its tensors' affines, calibrated on pictures outside the validation lists."""
    graph = trace(network, config.input_size)
    pictures = calibration_pictures(data, config.input_size, CALIBRATION_COUNT)
    return graph, affines(graph, observe(graph, batches(pictures.images)))


def stem_of(config: Config, version: str) -> str:
    """File name of a release without its endings."""
    return f"u2net-lite-{config.name}-{version}"


def runtime_part(graph: Graph, scales: dict[str, Affine], file: str, sha256: str) -> dict[str, Any]:
    """What the box reads of the card."""
    tensors = {}
    for key, name in (("input", graph.input), ("output", graph.output)):
        channels, height, width = graph.shapes[name]
        tensors[key] = {"height": height, "width": width, "channels": channels, **asdict(scales[name])}
    return {
        "format": FORMAT,
        "file": file,
        "sha256": sha256,
        **tensors,
        "mean": IMAGENET_MEAN,
        "std": IMAGENET_STD,
        "fit": "stretch",
    }


def release(config: Config, weights: Path, version: str, data: Path, folder: Path) -> Path:
    """Write int8 .tflite and card into ``folder``; the card's path."""
    network = load_weights(config, weights)
    graph, scales = quantised(network, config, data)
    stem = stem_of(config, version)
    content = tflite_writer.write(graph, scales, f"packshot {stem} int8")
    card = {
        "name": f"u2net-lite-{config.name}",
        "version": version,
        "runtime": runtime_part(graph, scales, f"{stem}.int8.tflite", hashlib.sha256(content).hexdigest()),
        "network": {
            "configuration": asdict(config),
            "parameters": parameter_count(network),
            "gmac": round(multiply_accumulates(network, config.input_size) / 1e9, 3),
            "bytes": len(content),
        },
    }
    folder.mkdir(parents=True, exist_ok=True)
    (folder / f"{stem}.int8.tflite").write_bytes(content)
    path = folder / f"{stem}.json"
    path.write_text(json.dumps(card, indent=1) + "\n")
    return path


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", choices=CONFIGS, default="default")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, default=RELEASED)
    args = parser.parse_args()
    try:
        print(release(CONFIGS[args.config], args.weights, args.version, args.data, args.out))
    except PackshotError as error:
        print(f"quantize: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
