"""Names of original photos by their media type, and back."""

EXTENSIONS = {
    "image/jpeg": "jpg",
    "image/png": "png",
    "image/webp": "webp",
    "image/tiff": "tif",
    "image/bmp": "bmp",
    "image/heic": "heic",
    "image/x-adobe-dng": "dng",
}
UNKNOWN_TYPE = "application/octet-stream"
UNKNOWN_EXTENSION = "bin"


def original_name(number: int, media_type: str) -> str:
    """The name of the ``number``-th original (from 1) of a capture.

    >>> original_name(1, "image/jpeg"), original_name(2, "image/png")
    ('original.jpg', 'original-2.png')
    """
    extension = EXTENSIONS.get(media_type.partition(";")[0].strip().lower(), UNKNOWN_EXTENSION)
    return f"original.{extension}" if number == 1 else f"original-{number}.{extension}"


def media_type_of(name: str) -> str:
    """The media type that a file name stands for."""
    extension = name.rpartition(".")[2]
    return next((kind for kind, known in EXTENSIONS.items() if known == extension), UNKNOWN_TYPE)
