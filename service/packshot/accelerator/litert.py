"""The CPU engine: LiteRT, or tflite-runtime where that is what the board has."""

from pathlib import Path

from packshot.accelerator.engine import Engine
from packshot.accelerator.interpreter import LoadedNetwork, find_runtime
from packshot.matting.card import ModelCard
from packshot.platform.resources import read_model

CONVOLUTIONS = frozenset({"CONV_2D", "DEPTHWISE_CONV_2D"})


class LiteRT(Engine):
    """One network on the CPU. ``threads`` >= 1: fewer than the cores is often faster on a busy board.

    ``engine`` is "litert-xnnpack" or "litert-builtin" as the loaded graph says, not as was asked for: LiteRT skips
    XNNPACK in silence where /proc/cpuinfo is hidden. With tflite-runtime the first part is "tflite-runtime"; its int8
    kernels are the builtin ones, bit-equal or one step away, several times slower.
    """

    def __init__(
        self, path: Path, card: ModelCard, *, threads: int = 1, runtime: str = "auto", xnnpack: bool = True
    ) -> None:
        """Load and check; raises ModelError or AcceleratorError.

        ``runtime`` is "auto", "litert" or "tflite-runtime"; ``xnnpack=False`` asks for the builtin kernels.
        """
        model = read_model(path, card)
        package = find_runtime(runtime)
        network = LoadedNetwork(package, model, card, threads=threads, default_delegates=xnnpack)
        super().__init__(f"{package.name}-{_kernels(network)}", card, network.run)


def _kernels(network: LoadedNetwork) -> str:
    """Who computes: XNNPACK if it took every convolution; copies and resizes may stay outside."""
    return "builtin" if network.outside_delegates() & CONVOLUTIONS else "xnnpack"
