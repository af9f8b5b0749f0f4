"""The ID photo studio: cascades that OpenCV carries, specs of the package and the operator's own."""

from collections.abc import Callable
from pathlib import Path

from packshot import __version__
from packshot.config import Config
from packshot.cut_result import CutResult
from packshot.encode.port import Photo
from packshot.errors import ConfigError
from packshot.idphoto.attest import Maker
from packshot.idphoto.faces import FaceFinder
from packshot.idphoto.spec import Spec, pick_spec, specs_from_toml
from packshot.matting.card import ModelCard
from packshot.platform.resources import package_path
from packshot.portrait import Studio
from packshot.wiring import cut_options


def build_studio(config: Config, cut: Callable[[Photo], CutResult], card: ModelCard) -> Studio:
    """Guides, makes and prints ID photos; ``cut`` may be shared with others. Raises ConfigError."""
    from packshot.encode.photo import FileDecoder
    from packshot.encode.print import FilePrinter

    folder = cascade_folder()
    maker = Maker(f"packshot {__version__}", f"{card.name} {card.version}", card.sha256)
    return Studio(
        finders=(FaceFinder(folder), FaceFinder(folder)),
        cut=cut,
        decoder=FileDecoder(),
        printer=FilePrinter(),
        specs=all_specs(config),
        maker=maker,
        limits=cut_options(config).limits,
    )


def all_specs(config: Config) -> dict[str, Spec]:
    """The package's specs and the operator's own, which win; the default spec must be among them."""
    built_in = package_path("idphoto", "specs.toml")
    specs = specs_from_toml(built_in.read_text("utf-8"), str(built_in))
    own = config.id_photo.specs_file
    if own:
        try:
            specs.update(specs_from_toml(Path(own).read_text("utf-8"), own))
        except (OSError, UnicodeDecodeError) as error:
            raise ConfigError(f"id_photo.specs_file {own} cannot be read: {error}") from error
    pick_spec(specs, config.id_photo.spec)
    return specs


def cascade_folder() -> Path:
    """Where opencv-python-headless, or the system's OpenCV, keeps its Haar cascades; raises ConfigError."""
    import cv2

    data = getattr(cv2, "data", None)
    folders = [Path(data.haarcascades)] if data else []
    folders += [Path("/usr/share/opencv4/haarcascades"), Path("/usr/share/opencv/haarcascades")]
    for folder in folders:
        if folder.is_dir():
            return folder
    raise ConfigError("OpenCV's Haar cascades are missing; install opencv-python-headless or Debian's opencv-data")
