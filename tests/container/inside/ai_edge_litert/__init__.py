"""Stands before the real package on the path of a test device, to let its engines fail on order."""

import importlib.util
import sys
from pathlib import Path

_HERE = Path(__file__).parent


def _real_package() -> Path:
    folders = (Path(entry) / "ai_edge_litert" for entry in sys.path)
    return next(folder for folder in folders if folder.is_dir() and folder.resolve() != _HERE)


__path__.append(str(_real_package()))


def load_real(name: str):
    """The real package's module ``name``, under another name."""
    spec = importlib.util.spec_from_file_location(f"ai_edge_litert._real_{name}", _real_package() / f"{name}.py")
    module = importlib.util.module_from_spec(spec)
    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module
