"""What the kiosk needs from the configuration: encoder of its views, the camera that faces people, the studio."""

import threading

from packshot.camera.port import Camera
from packshot.config import Config
from packshot.cut_result import CutResult
from packshot.encode.port import Photo, PictureEncoder
from packshot.portrait import Studio
from packshot.wiring import Cutting, build_cutting
from packshot.wiring.devices import find_model, open_camera
from packshot.wiring.portraits import build_studio


def view_encoder() -> PictureEncoder:
    """One thread: the cutouts come first."""
    from packshot.encode.picture import FileEncoder

    return FileEncoder(threads=1)


def open_id_camera(config: Config) -> Camera | None:
    """The camera that faces people, None where they use the products' one; raises ConfigError for an unknown kind."""
    return None if config.id_camera.kind == "absent" else open_camera(config.id_camera)


class KioskStudio:
    """The studio with a cutter of its own, so that products and people never wait for each other's engine.

    The engine is loaded with the first ID photo: many boxes never make one.
    """

    def __init__(self, config: Config) -> None:
        """Raises ConfigError or ModelError."""
        self._config = config
        self._lock = threading.Lock()
        self._cutting: Cutting | None = None
        card, _ = find_model(config.model)
        self.studio: Studio = build_studio(config, self._cut, card)

    def close(self) -> None:
        """Free the engine."""
        with self._lock:
            cutting, self._cutting = self._cutting, None
        if cutting:
            cutting.close()

    def _cut(self, photo: Photo) -> CutResult:
        with self._lock:
            self._cutting = self._cutting or build_cutting(self._config)
            return self._cutting.cutter.cut(photo)
