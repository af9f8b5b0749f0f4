"""The Coral Edge TPU, through libedgetpu's delegate."""

import ctypes
from pathlib import Path

from packshot.accelerator.engine import Engine
from packshot.accelerator.interpreter import LoadedNetwork, find_runtime
from packshot.errors import AcceleratorError, ModelError
from packshot.matting.card import ModelCard
from packshot.platform.resources import read_model

LIBRARY = "libedgetpu.so.1"
CUSTOM_OP = "edgetpu-custom-op"


class EdgeTPU(Engine):
    """A network that edgetpu_compiler compiled, on the TPU. ``device`` is "" (the first), "usb" or "pci".

    Without the compiler's custom operation the delegate would leave the whole network to the CPU in silence; such a
    network is refused, so that the name "edgetpu" is never a claim.
    """

    def __init__(self, path: Path, card: ModelCard, *, device: str = "", library: str = LIBRARY) -> None:
        """Raises ModelError for a network not compiled for the TPU, AcceleratorError without TPU or library."""
        model = read_model(path, card)
        if CUSTOM_OP.encode() not in model:
            raise ModelError(
                f"network {card.name} was not compiled for the Edge TPU; run edgetpu_compiler on {path.name}"
            )
        runtime = find_runtime()
        try:
            ctypes.CDLL(library)  # says in words what is missing; load_delegate does not
            delegate = runtime.module.load_delegate(library, {"device": device} if device else None)
        except (OSError, ValueError) as error:
            raise AcceleratorError(
                f"no Edge TPU ({' '.join(str(error).split()) or library}); plug it in and install libedgetpu1-std"
            ) from error
        super().__init__("edgetpu", card, LoadedNetwork(runtime, model, card, delegates=[delegate]).run)
