"""The targets: each takes hostile input and may raise nothing but the error that its reader promises."""

import contextlib
import hashlib
import io
import tempfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from packshot.config import Config, dump, load
from packshot.domain import (
    Artefact,
    Capture,
    CaptureRequest,
    Decision,
    Shutter,
    ShutterProof,
    Stage,
    Verdict,
    mint_capture_id,
)
from packshot.encode.photo import decode_photo
from packshot.encode.port import DecodeLimits
from packshot.errors import BadImage, BadMessage, ConfigError, IntegrityError
from packshot.messages import (
    MAX_CONTROL_BYTES,
    CaptureCommand,
    Claim,
    Offer,
    OfferedArtefact,
    Receipt,
    capture_request,
    decode,
    encode,
    parse_part_topic,
    part_topic,
)
from packshot.parts import part_count, part_span
from packshot.spool.record import Record, decode_record, encode_record
from packshot.storefront.delivery.gathering import Gathering
from packshot.storefront.targets import record as sidecar
from tools.fuzzing.strategies import edited, reshaped

CAPTURE = mint_capture_id(1_700_000_000_000, None, bytes(range(10)))
DIGEST = hashlib.sha256(b"").hexdigest()
SMALL = DecodeLimits(max_pixels=1_000_000, max_side=4000, max_bytes=1 << 20)

COMMANDS = [
    encode(CaptureCommand("r1", "A-1", 2, "soft", "web", "2030-01-01T00:00:00Z")),
    b"PRESS",
    b"",
    b'{"request_id": "r1", "sku": "B 2"}',
]
ARTEFACT = OfferedArtefact("web.webp", "picture", DIGEST, 1000, "image/webp", 3, 640, 480)
OFFERS = [encode(Offer("A-1", 0, 2, CAPTURE, [ARTEFACT], "r1", "2030-01-01T00:00:00Z", (1, 2, 3, 4), 0.5))]
CLAIMS = [b'{"uploader_id": "up-1", "have": {"web.webp": [[0, 2]]}}', b'{"uploader_id": "up-1"}']
RECEIPTS = [encode(Receipt({"web.webp": DIGEST}, "folder", "A-1/A-1_0.webp", "", "2030-01-01T00:00:00Z", "up-1"))]
ORIGINAL = Artefact("original.jpg", "original", "image/jpeg", DIGEST, 1000, 640, 480)
TAKEN = Capture(
    capture_id=CAPTURE,
    request=CaptureRequest("r1", "A-1"),
    stage=Stage.CUT,
    revision=2,
    supersedes=None,
    created_at="2030-01-01T00:00:00Z",
    shutter=Shutter(ShutterProof.BOUNDED, 0.1),
    artefacts=(ORIGINAL,),
    verdict=Verdict(Decision.PUBLISH, ("fine",), {"unsure": 0.1}),
    stage_ms={"cut": 9.0},
)
SHELVED = sidecar.Record("box", CAPTURE, 2, "A-1", 0, {"web.webp": DIGEST}, {"web.webp": "A-1_0.webp"})
SIDECARS = [encode_record(Record(TAKEN, files={"original.jpg": "original.jpg"})), sidecar.encode_record(SHELVED)]


def _json(seeds: list[bytes]) -> st.SearchStrategy[bytes]:
    return edited(seeds) | reshaped([seed for seed in seeds if seed.startswith(b"{")])


def _photos() -> list[bytes]:
    pixels = np.arange(48 * 40 * 3, dtype=np.uint32).reshape(40, 48, 3).astype(np.uint8)
    photos = []
    for form, options in [
        ("JPEG", {"quality": 80}),
        ("PNG", {}),
        ("WEBP", {}),
        ("TIFF", {}),
        ("TIFF", {"compression": "tiff_lzw"}),
    ]:
        out = io.BytesIO()
        Image.fromarray(pixels).save(out, form, **options)
        photos.append(out.getvalue())
    exif = Image.Exif()
    exif[0x0112] = 6
    out = io.BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", exif=exif, icc_profile=b"not a profile")
    return [*photos, out.getvalue()]


@given(_json(COMMANDS))
def command(payload: bytes) -> None:
    """``cmd/capture``: a request within the limits, or BadMessage."""
    try:
        request = capture_request(payload, "mqtt")
    except BadMessage as error:
        assert "\n" not in str(error)
        return
    assert 0 < len(request.request_id) <= 64
    assert not set(request.sku) & set("/\\\0")
    assert request.sku not in (".", "..")


def _round_trip(kind: type[Any], payload: bytes) -> None:
    try:
        message = decode(payload, kind)
    except BadMessage:
        return
    assert len(payload) <= MAX_CONTROL_BYTES
    assert decode(encode(message), kind, limit=1 << 30) == message


@given(_json(OFFERS))
def offer(payload: bytes) -> None:
    """``offer/<id>``: the same message again after encoding, or BadMessage."""
    _round_trip(Offer, payload)


@given(_json(CLAIMS))
def claim(payload: bytes) -> None:
    """``claim/<id>``."""
    _round_trip(Claim, payload)


@given(_json(RECEIPTS))
def receipt(payload: bytes) -> None:
    """``receipt/<id>``."""
    _round_trip(Receipt, payload)


@given(
    st.binary(max_size=400), st.integers(1, 90), st.randoms(use_true_random=False), edited([b"web.webp", b"0", b"3"])
)
def parts(data: bytes, part_bytes: int, order: Any, hostile: bytes) -> None:
    """Parts in any order, doubled, with foreign ones between: the file is whole or is refused."""
    of = part_count(len(data), part_bytes)
    artefact = OfferedArtefact("web.webp", "picture", hashlib.sha256(data).hexdigest(), len(data), "image/webp", of)
    numbers = [*range(of), *range(of)]
    order.shuffle(numbers)
    with tempfile.TemporaryDirectory() as folder:
        gathering = Gathering(Path(folder, "one"), [artefact])
        for number in numbers:
            begin, end = part_span(len(data), number, of)
            gathering.add("web.webp", number, of, data[begin:end])
            _refused(lambda number=number: gathering.add("web.webp", number, of, hostile + data + b"!"))
        _refused(lambda: gathering.add("other.png", 0, 1, hostile))
        assert gathering.complete()
        gathering.check()
        assert gathering.path("web.webp").read_bytes() == data


def _refused(call: Callable[[], Any]) -> None:
    try:
        call()
    except (BadMessage, IntegrityError):
        return
    raise AssertionError("a hostile part was taken")


@given(edited([part_topic(CAPTURE, "web.webp", 0, 3).encode()]))
def part_topics(topic: bytes) -> None:
    """``cutout/<id>/<name>/<part>/<of>``: harmless names and numbers, or BadMessage."""
    try:
        capture_id, name, part, of = parse_part_topic(topic.decode("utf-8", "replace"))
    except BadMessage:
        return
    assert part < of
    assert not {"/", "\\", ".."} & {capture_id, name}


@given(_json(SIDECARS))
def sidecars(data: bytes) -> None:
    """The spool's and the storefront's sidecars: a record, or what their readers promise."""
    with contextlib.suppress(BadMessage):
        record = decode_record(data, CAPTURE)
        assert not any("/" in file or file.startswith(".") for file in record.files.values())
    sidecar.decode_record(data)


@given(edited([dump(Config()).encode(), b'[mqtt]\nhost = "x"\n'], most=4))
def configuration(text: bytes) -> None:
    """``packshot.toml``: a configuration, or ConfigError in one line."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder, "packshot.toml")
        file.write_bytes(text)
        try:
            load(file, {})
        except ConfigError as error:
            assert str(file) in str(error) or "." in str(error)


@given(edited(_photos(), most=4))
def images(data: bytes) -> None:
    """Photo files: upright sRGB pixels within the limits, or BadImage."""
    try:
        photo = decode_photo(data, SMALL)
    except BadImage as error:
        assert "\n" not in str(error)
        return
    height, width, channels = photo.pixels.shape
    assert photo.pixels.dtype == np.uint8
    assert channels == 3
    assert 0 < height * width <= SMALL.max_pixels


TARGETS: dict[str, Callable[[], None]] = {
    target.__name__: target
    for target in (command, offer, claim, receipt, parts, part_topics, sidecars, configuration, images)
}
