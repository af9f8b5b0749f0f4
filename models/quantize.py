"""From trained weights to files: full-int8 .tflite, float and int8 QDQ .onnx, and a layer-by-layer comparison.

    python -m models.quantize --config default --weights W.pt --out DIR --data ../shared/data

Post-training quantisation on pictures outside the validation lists. ``models.release`` calls this, gates the result and
writes the card.
"""

import argparse
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import torch
from torch import Tensor, nn

from models import compare, onnx_writer, tflite_writer
from models.calibrate import Affine, affines, observe
from models.data import UInt8, calibration_pictures
from models.edgetpu_check import RESIZE_LIMIT
from models.graph import Graph, trace
from models.narrow import narrow_resizes
from models.u2net_lite import CONFIGS, Config
from models.weights import load_weights
from packshot.errors import PackshotError
from packshot.matting.tensor import IMAGENET_MEAN, IMAGENET_STD, normalise

CALIBRATION_COUNT = 240
COMPARED = 4  # calibration pictures in the layer-by-layer comparison


@dataclass(frozen=True)
class Quantised:
    """A network ready to be written: operators, the affine of every tensor, pictures (1, 3, S, S) to compare on."""

    graph: Graph
    affines: dict[str, Affine]
    samples: tuple[Tensor, ...]


def batches(images: UInt8, size: int = 8) -> Iterator[Tensor]:
    """(N, S, S, 3) RGB uint8 as normalised (size, 3, S, S) float tensors."""
    for start in range(0, len(images), size):
        values = normalise(images[start : start + size], IMAGENET_MEAN, IMAGENET_STD)
        yield torch.from_numpy(values).permute(0, 3, 1, 2).contiguous()


def quantise(network: nn.Module, config: Config, data: Path) -> Quantised:
    """Fold, calibrate and choose scales."""
    graph = narrow_resizes(trace(network, config.input_size), RESIZE_LIMIT)
    images = calibration_pictures(data, config.input_size, CALIBRATION_COUNT).images
    scales = affines(graph, observe(graph, batches(images)))
    step = len(images) // COMPARED
    return Quantised(graph, scales, tuple(batches(images[::step][:COMPARED], 1)))


def write_files(quantised: Quantised, folder: Path, stem: str) -> dict[str, Path]:
    """Write ``stem``.int8.tflite, .onnx and .int8.onnx into ``folder``; their paths by ending."""
    graph, scales = quantised.graph, quantised.affines
    contents = {
        "int8.tflite": tflite_writer.write(graph, scales, f"packshot {stem} int8"),
        "onnx": onnx_writer.write(graph, None),
        "int8.onnx": onnx_writer.write(graph, scales),
    }
    folder.mkdir(parents=True, exist_ok=True)
    for ending, content in contents.items():
        (folder / f"{stem}.{ending}").write_bytes(content)
    return {ending: folder / f"{stem}.{ending}" for ending in contents}


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", choices=CONFIGS, default="default")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--out", type=Path, required=True)
    args = parser.parse_args()
    torch.set_num_threads(1)  # the pictures are few; threads that wait for busy cores cost more than they give
    try:
        config = CONFIGS[args.config]
        network = load_weights(config, args.weights)
        quantised = quantise(network, config, args.data)
        stem = f"u2net-lite-{config.name}"
        for path in write_files(quantised, args.out, stem).values():
            print(f"{path}  {path.stat().st_size:,} bytes")
        layers = compare.layers(network, quantised.graph, quantised.affines, quantised.samples)
        (args.out / f"{stem}.layers.txt").write_text(compare.report(layers))
    except PackshotError as error:
        print(f"quantize: {error}", file=sys.stderr)
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(main())
