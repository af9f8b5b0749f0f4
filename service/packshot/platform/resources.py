"""The one loader of what the package carries: released networks, sample photos, the golden photo, presets."""

import hashlib
import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from packshot.errors import ModelError
from packshot.matting.card import ModelCard, card_from_dict

RELEASED_INDEX = "released.json"
LARGEST_MODEL = 256 << 20
SAMPLES = "samples"
GOLDEN = "2-carton"


def package_path(*parts: str) -> Path:
    """The path of a file or folder inside the installed package (packshot is always installed unpacked)."""
    return Path(str(files("packshot").joinpath(*parts)))


def released_model(name: str = "default") -> tuple[ModelCard, Path]:
    """Card and path of a released network by the name that ``released.json`` gives it.

    Raises ModelError when the release is missing, damaged, or has no such name.
    """
    folder = package_path("released")
    index = _json_object(folder / RELEASED_INDEX)
    card_file = index.get(name)
    if not isinstance(card_file, str) or Path(card_file).name != card_file:
        known = ", ".join(sorted(index)) or "none"
        raise ModelError(f"there is no released model {name!r}; known: {known}")
    return load_card(folder / card_file)


def load_card(path: Path) -> tuple[ModelCard, Path]:
    """Card and network of a model given by either file: ``NAME.int8.tflite`` or its card ``NAME.json`` beside it.

    Raises ModelError when the card is missing or damaged; the network itself is read by ``read_model``.
    """
    card_path = path if path.suffix == ".json" else _card_beside(path)
    card = card_from_dict(_json_object(card_path))
    return card, path if path != card_path else path.parent / card.file


def _card_beside(network: Path) -> Path:
    """``x.int8.tflite`` has its card in ``x.int8.json`` or, as released networks do, in ``x.json``."""
    close = network.with_suffix(".json")
    return close if close.exists() else network.with_name(network.stem).with_suffix(".json")


def read_model(path: Path, card: ModelCard) -> bytes:
    """The bytes of a network, read once, so that what was checked is what runs.

    Raises ModelError when the file is missing, far too large or not the one whose sha256 the card holds.
    """
    try:
        if path.stat().st_size > LARGEST_MODEL:
            raise ModelError(f"model {path} is larger than {LARGEST_MODEL >> 20} MiB; this is not a packshot network")
        data = path.read_bytes()
    except OSError as error:
        raise ModelError(f"model {path} cannot be read ({error.strerror}); install it again") from error
    sha256 = hashlib.sha256(data).hexdigest()
    if sha256 != card.sha256:
        raise ModelError(
            f"model {path} is damaged or not the one of its card: {len(data)} bytes with sha256 {sha256[:12]}, "
            f"the card of {card.name} {card.version} says {card.sha256[:12]}; install it again"
        )
    return data


def _json_object(path: Path) -> Mapping[str, Any]:
    try:
        data = json.loads(path.read_bytes())
    except OSError as error:
        raise ModelError(f"{path} cannot be read ({error.strerror}); a model needs its card beside it") from error
    except ValueError as error:
        raise ModelError(f"{path} is not JSON ({error}); install the model again") from error
    if not isinstance(data, dict):
        raise ModelError(f"{path} is not a JSON object; install the model again")
    return data


def sample_photos() -> tuple[Path, ...]:
    """The photos of the demo's stage, in the order in which the folder camera replays them."""
    return tuple(sorted(package_path(SAMPLES).glob("*.jpg")))


def golden_photo() -> bytes:
    """The photo whose cutout is known, as a JPEG."""
    return package_path(SAMPLES, f"{GOLDEN}.jpg").read_bytes()


def golden_alpha() -> NDArray[np.uint8]:
    """The golden photo's true alpha, (H, W) uint8. A healthy engine's cutout has an IoU of 0.9 or more with it."""
    import cv2

    alpha = cv2.imread(str(package_path(SAMPLES, "truth", f"{GOLDEN}.png")), cv2.IMREAD_GRAYSCALE)
    if alpha is None:
        raise FileNotFoundError("the golden photo's alpha is missing; install packshot again")
    return np.asarray(alpha, np.uint8)
