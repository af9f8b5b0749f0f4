"""Release trained weights: quantise, measure the exact int8 file, hold it against float, write the card.

    python -m models.release --config default --weights runs/NAME/weights.pt --version 0.2.0

Nothing is released that fails the accuracy gate or the Edge TPU check. The release replaces the older one of its
configuration in ``models/released``.
"""

import argparse
import hashlib
import json
import platform
import sys
import tempfile
import time
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import torch
from torch import nn

from models import compare, edgetpu_check, qat
from models.bank import load_bank
from models.data import SLICES, validation_originals
from models.evaluate import Report, gate, on_validation_lists
from models.quantize import CALIBRATION_COUNT, Quantised, quantise, write_files
from models.runners import open_runner
from models.u2net_lite import CONFIGS, Config, multiply_accumulates, parameter_count
from models.weights import load_weights
from packshot.errors import ModelError, PackshotError
from packshot.matting.card import FORMAT
from packshot.matting.tensor import IMAGENET_MEAN, IMAGENET_STD

FOLDER = Path(__file__).parent / "released"
INDEX = "released.json"
BOARD = "int8.tflite"  # ending of the file that boards run
TIMED_RUNS = 50
DATA = {
    "DUTS-TR (Wang et al., CVPR 2017)": "research use (ImageNet, SUN photos)",
    "Clothing Co-Parsing": "repository Apache-2.0; the photographers' rights are not stated",
    "rendered products (YCB, OCRTOC meshes)": "CC-BY, MIT",
    "Houses (Ahmed & Moustafa 2016), as backgrounds": "to be cited; some watermarks",
    "DTD textures, as backgrounds": "research use",
    "phone photos of garments, for calibration only": "CC0",
}
METRICS = (
    "mae raw; max_f, mean_f, weighted_f, s, e by pysodmetrics; boundary_iou 2 % of the diagonal; sad (thousands), mse"
    " and gradient on true alpha; publishable: coarse mask alone, IoU >= .97 and no wrong blob over .3 % of the frame;"
    " clean: no pixel above .5"
)


def stem_of(config: Config, version: str) -> str:
    """File name of a release without its endings."""
    return f"u2net-lite-{config.name}-{version}"


@dataclass(frozen=True)
class Measured:
    """A quantised network on the validation lists, its exact files, and all that stands against releasing it."""

    quantised: Quantised
    files: dict[str, bytes]  # by ending: int8.tflite, onnx, int8.onnx
    int8: Report
    float32: Report
    verdict: edgetpu_check.Verdict
    milliseconds: float

    @property
    def reasons(self) -> list[str]:
        """One line each; empty if it may be released."""
        return [*self.verdict.reasons(), *gate(self.float32, self.int8)]


def measure(quantised: Quantised, data: Path, limit: int | None) -> Measured:
    """Write the files and run them on the validation lists."""
    with tempfile.TemporaryDirectory() as folder:
        paths = write_files(quantised, Path(folder), "candidate")
        files = {ending: path.read_bytes() for ending, path in paths.items()}
        int8, float32 = (
            on_validation_lists(open_runner(paths[ending]), data, None, limit) for ending in (BOARD, "onnx")
        )
        verdict, milliseconds = edgetpu_check.check(files[BOARD]), median_ms(paths[BOARD], data)
    return Measured(quantised, files, int8, float32, verdict, milliseconds)


def release(
    config: Config, weights: Path, version: str, data: Path, recipe: dict[str, Any], limit: int | None, steps: int = 0
) -> Path:
    """Quantise, check, measure, write; the card's path.

    If the gate fails, ``steps`` of quantisation-aware fine-tuning are tried, where asked for. Raises ModelError with
    every reason against the release.
    """
    network = load_weights(config, weights)
    quantised = quantise(network, config, data)
    layers = compare.layers(network, quantised.graph, quantised.affines, quantised.samples)
    measured = measure(quantised, data, limit)
    if measured.reasons and steps:
        bank = load_bank(data, config.input_size, torch.device("cpu"))
        tuned = qat.fine_tune(quantised.graph, quantised.affines, bank, steps)
        recipe = recipe | {"quantisation_aware_steps": steps}
        measured = replace(measure(replace(quantised, graph=tuned), data, limit), float32=measured.float32)
    if measured.reasons:
        raise ModelError(f"{stem_of(config, version)} is not released: {'; '.join(measured.reasons)}")
    card = describe(config, network, measured, version, recipe)
    card["metrics"]["pictures_per_slice"] = limit or "all"
    card["quantisation"] = quantisation_part(layers)
    return publish(config, card, measured.files)


def describe(
    config: Config, network: nn.Module, measured: Measured, version: str, recipe: dict[str, Any]
) -> dict[str, Any]:
    """The card, without what the caller knows best."""
    content = measured.files[BOARD]
    return {
        "name": f"u2net-lite-{config.name}",
        "version": version,
        "runtime": runtime_part(measured.quantised, f"{stem_of(config, version)}.{BOARD}", content),
        "network": {
            "configuration": asdict(config),
            "parameters": parameter_count(network),
            "gmac": round(multiply_accumulates(network, config.input_size) / 1e9, 3),
            "bytes": len(content),
        },
        "data": {"training and calibration": DATA, "held out": "the validation lists and all views of their renders"},
        "recipe": recipe,
        "metrics": {"what": METRICS, "int8": measured.int8, "float32": measured.float32},
        "operators": operator_table(measured.verdict),
        "edge_tpu": {
            "refused": measured.verdict.reasons(),
            "parameter_bytes": measured.verdict.parameter_bytes,
            "proven_by_compiler": edgetpu_check.compiler() is not None,
        },
        "latency": {"int8_ms_1_thread_median": measured.milliseconds, "machine": machine()},
    }


def machine() -> str:
    """Name of this machine's processor."""
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()


def runtime_part(quantised: Quantised, file: str, content: bytes) -> dict[str, Any]:
    """What the box reads of the card."""
    graph, tensors = quantised.graph, {}
    for key, name in (("input", graph.input), ("output", graph.output)):
        channels, height, width = graph.shapes[name]
        affine = asdict(quantised.affines[name])
        tensors[key] = {"height": height, "width": width, "channels": channels, **affine}
    digest = hashlib.sha256(content).hexdigest()
    normalisation = {"mean": IMAGENET_MEAN, "std": IMAGENET_STD, "fit": "stretch"}
    return {"format": FORMAT, "file": file, "sha256": digest, **tensors, **normalisation}


def quantisation_part(layers: tuple[compare.Layer, ...]) -> dict[str, Any]:
    """How the network was made int8, and how far the conversions drift from PyTorch."""
    worst = min(layers[:-1], key=lambda layer: layer.int8_db)
    return {
        "method": "post-training, min-max, int8 per channel weights, int8 activations, logits clipped at +-10",
        "calibration_pictures": CALIBRATION_COUNT,
        "largest_difference_float_tflite": max(layer.float_tflite for layer in layers),
        "weakest_layer": {"tensor": worst.name, "signal_to_noise_db": round(worst.int8_db, 1)},
    }


def operator_table(verdict: edgetpu_check.Verdict) -> dict[str, dict[str, int]]:
    """How many operators of each kind the file holds, and how many of them the Edge TPU would map."""
    table: dict[str, dict[str, int]] = {}
    for op in verdict.operators:
        row = table.setdefault(op.name, {"version": op.version, "count": 0, "mapped": 0})
        row["count"] += 1
        row["mapped"] += not op.reason
    return table


def median_ms(path: Path, data: Path) -> float:
    """Median milliseconds of a run on one thread, normalisation included, on this machine."""
    run = open_runner(path)
    picture = next(iter(validation_originals(data, next(iter(SLICES)), 1)))[1]
    times = []
    for _ in range(TIMED_RUNS):
        begun = time.perf_counter()
        run(picture)
        times.append(1000 * (time.perf_counter() - begun))
    return round(sorted(times)[TIMED_RUNS // 2], 2)


def publish(config: Config, card: dict[str, Any], files: dict[str, bytes], folder: Path = FOLDER) -> Path:
    """Write the network, its ONNX twins, their cards and the index; take the older release of this configuration away.

    A twin's card is the network's with the twin's file and checksum. The index knows it as ``default.onnx``.
    """
    stem = stem_of(config, card["version"])
    index_path = folder / INDEX
    index = json.loads(index_path.read_text()) if index_path.exists() else {}
    for ending, content in files.items():
        file, key, described = f"{stem}.{ending}", config.name, card
        card_file = f"{stem}.json"
        if ending != BOARD:
            own = {"file": file, "sha256": hashlib.sha256(content).hexdigest()}
            key, card_file = f"{config.name}.{ending}", f"{file}.json"
            described = {"name": card["name"], "version": card["version"], "runtime": card["runtime"] | own}
        (folder / file).write_bytes(content)
        _write_json(folder / card_file, described)
        index[key] = card_file
    _write_json(index_path, dict(sorted(index.items())))
    for old in folder.glob(f"u2net-lite-{config.name}-*"):
        if not old.name.startswith(f"{stem}."):
            old.unlink()
    return folder / f"{stem}.json"


def _write_json(path: Path, value: dict[str, Any]) -> None:
    path.write_text(json.dumps(value, indent=1) + "\n")


def summary(report: Report) -> str:
    """The figures that count, one line per slice."""
    keys = ("mae", "max_f", "s", "boundary_iou", "publishable", "clean")
    lines = []
    for name, figures in report.items():
        lines.append(f"{name:8} " + "  ".join(f"{key} {figures[key]:.4f}" for key in keys if key in figures))
    return "\n".join(lines)


def main() -> int:
    """Command line; returns the exit code."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--config", choices=CONFIGS, default="default")
    parser.add_argument("--weights", type=Path, required=True)
    parser.add_argument("--version", required=True)
    parser.add_argument("--data", type=Path, default=Path("../shared/data"))
    parser.add_argument("--recipe", type=Path, help="JSON that says how the weights came about; goes into the card")
    parser.add_argument("--limit", type=int, help="pictures of each slice to measure on; all unless given")
    parser.add_argument("--fine-tune", type=int, default=0, metavar="STEPS", help="of int8 training if the gate fails")
    args = parser.parse_args()
    torch.set_num_threads(1)
    try:
        recipe = json.loads(args.recipe.read_text()) if args.recipe else {}
        config = CONFIGS[args.config]
        path = release(config, args.weights, args.version, args.data, recipe, args.limit, args.fine_tune)
    except PackshotError as error:
        print(f"release: {error}", file=sys.stderr)
        return error.exit_code
    print(path)
    print(summary(json.loads(path.read_text())["metrics"]["int8"]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
