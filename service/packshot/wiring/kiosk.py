"""What the kiosk needs from the configuration: the encoder of its views, the camera that faces people."""

from packshot.camera.port import Camera
from packshot.config import Config
from packshot.encode.port import PictureEncoder
from packshot.wiring.devices import open_camera


def view_encoder() -> PictureEncoder:
    """One thread: the cutouts come first."""
    from packshot.encode.picture import FileEncoder

    return FileEncoder(threads=1)


def open_id_camera(config: Config) -> Camera | None:
    """The camera that faces people, None where they use the products' one; raises ConfigError for an unknown kind."""
    return None if config.id_camera.kind == "absent" else open_camera(config.id_camera)
