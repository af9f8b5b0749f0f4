"""The contact sheet: one HTML file with photo, mask and cutout on black, white and a colour."""

import base64
import html
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

THUMB = 320
FRAME_HEIGHT = 240
BACKGROUNDS = {"on black": (0, 0, 0), "on white": (255, 255, 255), "on colour": (214, 60, 140)}
STYLE = """
:root { color-scheme: light dark; font: 15px/1.4 system-ui, sans-serif }
body { margin: 2rem; max-width: 1800px } table { border-collapse: collapse }
th, td { padding: .4rem .6rem; text-align: left; vertical-align: top; font-weight: normal }
th { font-weight: 600 } figure { margin: 0 } img { display: block; border-radius: 4px; max-width: 320px }
small { color: GrayText }
"""


@dataclass(frozen=True)
class SheetRow:
    """One capture: its title, a line of facts, photo (H, W, 3) RGB and cutout (H, W, 4) straight-alpha RGBA, uint8."""

    title: str
    facts: str
    photo: NDArray[np.uint8]
    cutout: NDArray[np.uint8]


def write_sheet(path: Path, rows: Sequence[SheetRow]) -> None:
    """Write a self-contained HTML page."""
    head = "".join(f"<th>{name}</th>" for name in ["photo", "mask", *BACKGROUNDS])
    body = "".join(_row(row) for row in rows)
    page = f"""<!doctype html><html lang="en"><meta charset="utf-8"><title>packshot contact sheet</title>
<style>{STYLE}</style><h1>packshot contact sheet</h1><table><tr><th>capture</th>{head}</tr>{body}</table></html>
"""
    path.write_text(page, "utf-8")


def write_picture(path: Path, rows: Sequence[SheetRow]) -> None:
    """Write the same pictures as one JPEG, a row per capture."""
    lines = [np.hstack([_framed(picture) for picture in _pictures(row)]) for row in rows]
    cv2.imwrite(str(path), cv2.cvtColor(np.vstack(lines), cv2.COLOR_RGB2BGR), [cv2.IMWRITE_JPEG_QUALITY, 88])


def _framed(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    frame = np.full((FRAME_HEIGHT, THUMB, 3), 255, np.uint8)
    seen = picture[:FRAME_HEIGHT, :THUMB]
    frame[: seen.shape[0], : seen.shape[1]] = seen if seen.ndim == 3 else seen[..., np.newaxis]
    return frame


def _pictures(row: SheetRow) -> list[NDArray[np.uint8]]:
    photo, cutout = _small(row.photo), _small(row.cutout)
    return [photo, cutout[..., 3], *(_lay_on(cutout, colour) for colour in BACKGROUNDS.values())]


def _row(row: SheetRow) -> str:
    cells = "".join(f"<td>{_image(picture)}</td>" for picture in _pictures(row))
    return f"<tr><td><b>{html.escape(row.title)}</b><br><small>{html.escape(row.facts)}</small></td>{cells}</tr>"


def _small(picture: NDArray[np.uint8]) -> NDArray[np.uint8]:
    scale = THUMB / max(picture.shape[:2])
    if picture.shape[2] == 4:  # average premultiplied colour, or transparent black darkens the rim
        picture = _premultiplied(picture)
    small = cv2.resize(picture, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    return np.asarray(small, np.uint8)


def _premultiplied(rgba: NDArray[np.uint8]) -> NDArray[np.uint8]:
    out = rgba.copy()
    out[..., :3] = (rgba[..., :3].astype(np.uint16) * rgba[..., 3:] + 127) // 255
    return out


def _lay_on(premultiplied: NDArray[np.uint8], colour: tuple[int, int, int]) -> NDArray[np.uint8]:
    rest = 255 - premultiplied[..., 3:].astype(np.uint16)
    laid = premultiplied[..., :3] + (np.array(colour, np.uint16) * rest + 127) // 255
    return np.clip(laid, 0, 255).astype(np.uint8)


def _image(picture: NDArray[np.uint8]) -> str:
    bgr = picture if picture.ndim == 2 else cv2.cvtColor(picture, cv2.COLOR_RGB2BGR)
    _, data = cv2.imencode(".jpg", bgr, [cv2.IMWRITE_JPEG_QUALITY, 88])
    return f'<img alt="" src="data:image/jpeg;base64,{base64.b64encode(data.tobytes()).decode()}">'
