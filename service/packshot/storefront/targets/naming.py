"""File names and object keys of a delivery, safe whatever the SKU says.

``<sku or capture id>/<sku>_<angle>.<ext>`` is the picture the shop shows (the preset's picture, else the cutout, else
the first artefact); the others lie beside it as ``<sku>_<angle>.<artefact>.<ext>``.
"""

import hashlib
import itertools
import re
from collections.abc import Iterator, Sequence
from pathlib import PurePosixPath

from packshot.domain import check_sku
from packshot.errors import BadMessage
from packshot.storefront.targets.port import DeliveryKey, Picture

SUPERSEDED = ".superseded"
SIDECAR = ".packshot.json"
EXTENSIONS = {
    "image/png": "png",
    "image/jpeg": "jpg",
    "image/webp": "webp",
    "image/tiff": "tif",
    "application/json": "json",
}
MAIN_KINDS = ("picture", "cutout")
RESERVED = re.compile(r"(?i)(con|prn|aux|nul|com[0-9]|lpt[0-9])(\..*)?")


def product_name(key: DeliveryKey) -> str:
    """The SKU as one harmless path part, or the capture id where there is no SKU."""
    try:
        harmless = check_sku(key.sku) and not RESERVED.fullmatch(key.sku)
    except BadMessage:
        harmless = False
    if harmless:
        return key.sku
    return f"sku-{_digest(key.sku)}" if key.sku else key.capture_id


def other_name(key: DeliveryKey) -> str:
    """A second name, for a folder whose first one is taken: "abc" and "ABC" are one name on some file systems."""
    return f"{product_name(key)}~{_digest(key.sku or key.capture_id)}"


def stem(key: DeliveryKey) -> str:
    """``<sku or capture id>_<angle>``."""
    return f"{product_name(key)}_{key.angle}"


def file_names(key: DeliveryKey, pictures: Sequence[Picture]) -> dict[str, str]:
    """Artefact name -> file name; no two are equal, also where case does not count."""
    base, main = stem(key), main_picture(pictures)
    names: dict[str, str] = {}
    taken = {f"{base}{SIDECAR}".casefold()}
    for picture in sorted(pictures, key=lambda each: each is not main):
        label = "" if picture is main else f".{PurePosixPath(picture.name).stem}"
        candidates = (f"{base}{label}{suffix}.{extension(picture)}" for suffix in _suffixes())
        name = next(candidate for candidate in candidates if candidate.casefold() not in taken)
        taken.add(name.casefold())
        names[picture.name] = name
    return names


def main_picture(pictures: Sequence[Picture]) -> Picture:
    """The picture that the shop shows."""
    for kind in MAIN_KINDS:
        for picture in pictures:
            if picture.kind == kind:
                return picture
    return pictures[0]


def extension(picture: Picture) -> str:
    """File name extension without dot, by content type, else as the artefact is named."""
    known = EXTENSIONS.get(picture.content_type) or PurePosixPath(picture.name).suffix.lstrip(".")
    return known if re.fullmatch(r"[a-z0-9]{1,5}", known) else "bin"


def _suffixes() -> Iterator[str]:
    yield ""
    yield from (f"-{number}" for number in itertools.count(2))


def sha256_hex(data: bytes) -> str:
    """The sha256 in hex."""
    return hashlib.sha256(data).hexdigest()


def _digest(text: str) -> str:
    return sha256_hex(text.encode("utf-8", "replace"))[:12]
