"""The model card's machine-readable part: what the runtime must know to feed a network."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from packshot.errors import ModelError

FORMAT = 1


@dataclass(frozen=True)
class TensorSpec:
    """One int8 tensor of the network, NHWC with N = 1; real value = scale * (q - zero_point)."""

    height: int
    width: int
    channels: int
    scale: float
    zero_point: int


@dataclass(frozen=True)
class ModelCard:
    """What a released network is and how it is fed.

    ``input`` takes an sRGB picture, stretched to its size by area averaging ("fit": "stretch"),
    normalised as (rgb / 255 - mean) / std. ``output`` is one logit map; sigmoid(logit) is the coarse mask.
    """

    name: str
    version: str
    file: str
    sha256: str
    input: TensorSpec
    output: TensorSpec
    mean: tuple[float, float, float]
    std: tuple[float, float, float]
    fit: str


def card_from_dict(data: Mapping[str, Any]) -> ModelCard:
    """Read the ``runtime`` part of a card; raises ModelError naming the key that is missing or wrong."""
    try:
        runtime = data["runtime"]
        if runtime["format"] != FORMAT:
            raise ModelError(f"model card format {runtime['format']} is not the supported {FORMAT}; update packshot")
        if runtime["fit"] != "stretch":
            raise ModelError(f"model card fit {runtime['fit']!r} is not supported; only 'stretch' is")
        return ModelCard(
            name=str(data["name"]),
            version=str(data["version"]),
            file=str(runtime["file"]),
            sha256=str(runtime["sha256"]),
            input=_tensor(runtime["input"], channels=3),
            output=_tensor(runtime["output"], channels=1),
            mean=_triple(runtime["mean"]),
            std=_triple(runtime["std"]),
            fit=str(runtime["fit"]),
        )
    except KeyError as error:
        raise ModelError(f"model card lacks the key {error}") from error
    except (TypeError, ValueError) as error:
        raise ModelError(f"model card has a wrong value: {error}") from error


def _tensor(data: Mapping[str, Any], channels: int) -> TensorSpec:
    spec = TensorSpec(
        height=int(data["height"]),
        width=int(data["width"]),
        channels=int(data["channels"]),
        scale=float(data["scale"]),
        zero_point=int(data["zero_point"]),
    )
    if spec.channels != channels or spec.scale <= 0 or not -128 <= spec.zero_point <= 127:
        raise ModelError(f"model card describes an impossible tensor: {spec}")
    return spec


def _triple(values: Any) -> tuple[float, float, float]:
    first, second, third = (float(value) for value in values)
    return first, second, third
