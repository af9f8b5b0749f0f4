"""Pictures turned as their EXIF says."""

import struct

from PIL import Image

ORIENTATION = 0x0112
TURNS = {
    2: Image.Transpose.FLIP_LEFT_RIGHT,
    3: Image.Transpose.ROTATE_180,
    4: Image.Transpose.FLIP_TOP_BOTTOM,
    5: Image.Transpose.TRANSPOSE,
    6: Image.Transpose.ROTATE_270,
    7: Image.Transpose.TRANSVERSE,
    8: Image.Transpose.ROTATE_90,
}


def upright(image: Image.Image) -> Image.Image:
    """The picture turned as its EXIF says, or itself where that says nothing or cannot be read.

    ``ImageOps.exif_transpose`` also writes the EXIF anew, which fails where one of its tags is a little wrong.
    """
    image.load()  # Pillow turns TIFFs by itself, and then forgets their orientation
    turn = TURNS.get(orientation(image))
    return image if turn is None else image.transpose(turn)


def orientation(image: Image.Image) -> int:
    """1 (upright) to 8, as EXIF counts; 1 where there is none, or none that can be read."""
    try:
        number = image.getexif().get(ORIENTATION, 1)
    except (SyntaxError, struct.error):
        return 1
    return number if number in TURNS else 1
