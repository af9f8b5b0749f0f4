"""Renders the sample heads of ``service/packshot/samples/people``: nobody's portraits, drawn by formulas.

python -m tools.make_people
"""

from pathlib import Path

import cv2

from tests.idphoto.heads import BLUE, CLOTHES, HAIRS, LIGHT_GREY, SKINS, Look, render

FOLDER = Path("service/packshot/samples/people")
SIZE = (1280, 960)
PEOPLE = {
    "1-light": Look(head_px=500, centre=(640, 450), size=SIZE, skin=SKINS["II"], hair=HAIRS[2], background=LIGHT_GREY),
    "2-dark": Look(
        head_px=500,
        centre=(640, 450),
        size=SIZE,
        skin=SKINS["V"],
        hair=HAIRS[0],
        clothes=CLOTHES[3],
        background=LIGHT_GREY,
    ),
    "3-blue": Look(
        head_px=470, centre=(650, 450), size=SIZE, skin=SKINS["III"], hair=HAIRS[1], clothes=CLOTHES[4], background=BLUE
    ),
}


def main() -> None:
    """Write the photos."""
    FOLDER.mkdir(parents=True, exist_ok=True)
    for name, look in PEOPLE.items():
        picture, _ = render(look)
        cv2.imwrite(
            str(FOLDER / f"{name}.jpg"), cv2.cvtColor(picture, cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 92]
        )


if __name__ == "__main__":
    main()
