"""Small pictures of captures for the screen: made once, kept in a bounded memory."""

import io
import threading
from collections import OrderedDict
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, field

from PIL import Image

from packshot.cut_result import CutResult
from packshot.encode.orientation import upright
from packshot.encode.photo import DECODER_ERRORS
from packshot.encode.port import EncodeSettings, Patch, PictureEncoder, PictureFormat
from packshot.errors import BadImage, IntegrityError
from packshot.spool.port import Spool

VIEW_SIDE = 960
THUMB_SIDE = 240
QUALITY = 82
CACHE_BYTES = 48 << 20
WAITING = 2
MAX_PIXELS = 400_000_000


@dataclass(frozen=True)
class Rendition:
    """An encoded picture for the screen."""

    media_type: str
    data: bytes = field(repr=False)


class Renditions:
    """Views (960 px) and thumbs (240 px) of photo, cutout and published picture. Thread-safe.

    Of a cutout that was just made the view comes from its pixels, in a thread of its own: reading the full-size PNG
    back would cost the person who waits half a second more.
    """

    def __init__(self, spool: Spool, encoder: PictureEncoder) -> None:
        self._spool = spool
        self._encoder = encoder
        self._lock = threading.Lock()
        self._kept: OrderedDict[tuple[str, str, int], Rendition] = OrderedDict()
        self._coming: dict[str, Future[None]] = {}
        self._pool = ThreadPoolExecutor(1, "kiosk view")

    def on_cut(self, capture_id: str, result: CutResult) -> None:
        """Make the view of a new cutout in the background; skipped when the screen is behind already."""
        with self._lock:
            if result.bbox is None or len(self._coming) >= WAITING:
                return
            self._coming[capture_id] = self._pool.submit(self._from_pixels, capture_id, result)

    def get(self, capture_id: str, what: str, side: int) -> Rendition:
        """``what`` is "photo", "cutout" or "picture".

        Raises IntegrityError when there is no such file (any more), BadImage when it cannot be read.
        """
        key = (capture_id, what, side)
        coming = self._coming.get(capture_id) if what == "cutout" else None
        if coming:
            coming.exception(timeout=10)
        with self._lock:
            if key in self._kept:
                self._kept.move_to_end(key)
                return self._kept[key]
        made = self._from_file(capture_id, what, side)
        self._keep(key, made)
        return made

    def forget(self, capture_id: str) -> None:
        """Drop the pictures of a capture that was deleted."""
        with self._lock:
            for key in [key for key in self._kept if key[0] == capture_id]:
                del self._kept[key]

    def close(self) -> None:
        """End the thread."""
        self._pool.shutdown(cancel_futures=True)

    def _from_pixels(self, capture_id: str, result: CutResult) -> None:
        try:
            if result.bbox is None:
                return
            left, top, width, height = result.bbox
            scale = min(1.0, VIEW_SIDE / max(result.width, result.height))
            small = result.subject.scaled(max(1, round(width * scale)), max(1, round(height * scale)))
            frame_height = max(round(result.height * scale), round(top * scale) + small.shape[0])
            frame_width = max(round(result.width * scale), round(left * scale) + small.shape[1])
            patch = Patch(small, round(top * scale), round(left * scale), frame_height, frame_width)
            data = self._encoder.encode_rgba(patch, EncodeSettings(PictureFormat.WEBP, QUALITY))
            self._keep((capture_id, "cutout", VIEW_SIDE), Rendition("image/webp", data))
        finally:
            with self._lock:
                self._coming.pop(capture_id, None)

    def _from_file(self, capture_id: str, what: str, side: int) -> Rendition:
        capture = self._spool.get(capture_id)
        kinds = {"photo": ("original",), "cutout": ("cutout", "picture"), "picture": ("picture", "cutout")}[what]
        artefacts = capture.artefacts if capture else ()
        names = [artefact.name for kind in kinds for artefact in artefacts if artefact.kind == kind]
        if not names:
            raise IntegrityError(f"there is no {what} of {capture_id[:40]}, or not any more")
        return shrunk(self._spool.read(capture_id, names[0]), side)

    def _keep(self, key: tuple[str, str, int], made: Rendition) -> None:
        with self._lock:
            self._kept[key] = made
            while sum(len(one.data) for one in self._kept.values()) > CACHE_BYTES:
                self._kept.popitem(last=False)


def shrunk(data: bytes, side: int) -> Rendition:
    """An encoded picture the right way up and at most ``side`` px, as JPEG, or WebP where it has an alpha."""
    try:
        with Image.open(io.BytesIO(data)) as picture:
            if picture.width * picture.height > MAX_PIXELS:
                raise BadImage("too large for the screen")
            alpha = picture.mode in ("RGBA", "LA", "PA")
            picture.draft("RGB", (side, side))  # JPEG: decode at a fraction of the size
            shown = upright(picture)
            shown.thumbnail((side, side))
            out = io.BytesIO()
            if alpha:
                shown.convert("RGBA").save(out, "WEBP", quality=QUALITY, method=0)
            else:
                shown.convert("RGB").save(out, "JPEG", quality=QUALITY)
    except (*DECODER_ERRORS, Image.DecompressionBombError) as error:
        raise BadImage(f"the picture cannot be shown: {error}") from error
    return Rendition("image/webp" if alpha else "image/jpeg", out.getvalue())
