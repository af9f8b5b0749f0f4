"""Sidecars and rows as JSON: what is written can be read, what cannot be believed is refused."""

import hashlib
import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot.domain import (
    Artefact,
    Capture,
    CaptureRequest,
    Decision,
    Shutter,
    ShutterProof,
    Stage,
    Verdict,
)
from packshot.errors import BadMessage
from packshot.messages import Receipt
from packshot.spool.originals import EXTENSIONS, media_type_of, original_name
from packshot.spool.record import MAX_RECORD_BYTES, FrameNote, Record, decode_record, encode_record

CAPTURE_ID = "01m81x66etk3cwxy6yrzdpgctj"
VERSION_1 = Path(__file__).with_name("sidecar-v1.json")
SHUTTER = Shutter(ShutterProof.PROVEN, 0.031)

numbers = st.floats(allow_nan=False, allow_infinity=False)
texts = st.text(st.characters(exclude_categories=["Cs"]), max_size=40)
names = st.from_regex(r"[a-z0-9][a-z0-9_-]{0,20}\.[a-z]{3}", fullmatch=True)


@st.composite
def records(draw: st.DrawFn) -> Record:
    artefacts = tuple(
        Artefact(
            name,
            draw(st.sampled_from(["original", "cutout", "mask"])),
            "image/png",
            "0" * 64,
            draw(st.integers(0, 2**40)),
        )
        for name in draw(st.lists(names, unique=True, max_size=4))
    )
    verdict = Verdict(draw(st.sampled_from(Decision)), tuple(draw(st.lists(texts, max_size=3))), {"s": draw(numbers)})
    capture = Capture(
        capture_id=CAPTURE_ID,
        request=CaptureRequest("r1", draw(texts), draw(st.integers(0, 999)), expires_at=draw(st.none() | texts)),
        stage=draw(st.sampled_from(sorted(set(Stage) - {Stage.CAPTURED}))),
        revision=draw(st.integers(1, 10**6)),
        supersedes=draw(st.none() | st.just(CAPTURE_ID)),
        created_at=draw(texts),
        shutter=Shutter(draw(st.sampled_from(ShutterProof)), draw(st.none() | numbers)),
        artefacts=artefacts,
        verdict=draw(st.none() | st.just(verdict)),
        engine=draw(texts),
        bbox=draw(st.none() | st.tuples(*[st.integers(-(2**31), 2**31)] * 4)),
        fill=draw(numbers),
        stage_ms=draw(st.dictionaries(texts, numbers, max_size=3)),
        reason=draw(texts),
    )
    files = {artefact.name: artefact.name for artefact in artefacts if draw(st.booleans())}
    receipt = draw(st.none() | st.just(Receipt({"cutout.png": "0" * 64}, "folder", url="file:///x", uploader_id="u1")))
    return Record(capture, (FrameNote("original.jpg", SHUTTER, 3, "white", "folder"),), files, receipt)


@given(records())
def test_record_reads_back_as_it_was_written(record: Record) -> None:
    assert decode_record(encode_record(record), CAPTURE_ID) == record


@given(st.binary(max_size=300))
def test_bytes_that_are_no_record_are_refused_in_one_line(data: bytes) -> None:
    with pytest.raises(BadMessage) as refused:
        decode_record(data, CAPTURE_ID)
    assert "\n" not in str(refused.value)


def sealed(document: object) -> bytes:
    """A document as it is stored, its seal in order."""
    text = json.dumps(document)
    return b'{"sha256":"%s","record":%s}' % (hashlib.sha256(text.encode()).hexdigest().encode(), text.encode())


def first_release() -> dict[str, Any]:
    """The document in the sidecar of the first release."""
    document: dict[str, Any] = json.loads(VERSION_1.read_bytes())["record"]
    return document


@given(st.integers(0, 10**6), st.integers(1, 255))
def test_flipped_byte_anywhere_is_noticed(position: int, flip: int) -> None:
    data = bytearray(VERSION_1.read_bytes())
    data[position % len(data)] ^= flip
    try:
        assert decode_record(bytes(data), CAPTURE_ID) == decode_record(VERSION_1.read_bytes(), CAPTURE_ID)
    except BadMessage as error:
        assert "\n" not in str(error)


def test_sidecar_of_the_first_release_is_still_read() -> None:
    record = decode_record(VERSION_1.read_bytes(), CAPTURE_ID)
    capture = record.capture
    assert (capture.request.sku, capture.request.angle, capture.revision) == ("A-1", 90, 2)
    assert [artefact.name for artefact in capture.artefacts] == ["original.jpg", "original-2.jpg", "cutout.png"]
    assert record.files == {"original.jpg": "original.jpg", "cutout.png": "cutout.2.png"}
    assert [note.backdrop for note in record.frames] == ["white", "black"]
    assert (capture.stage, capture.verdict) == (Stage.RECEIPTED, Verdict(Decision.PUBLISH, (), {"confidence": 0.93}))
    assert record.receipt is not None and record.receipt.storefront_id == "A-1/A-1_90.png"


def test_what_a_later_release_adds_is_ignored() -> None:
    document = first_release()
    document["shelf"] = {"row": 3}
    document["capture"]["colour"] = "red"
    assert decode_record(sealed(document), CAPTURE_ID) == decode_record(VERSION_1.read_bytes(), CAPTURE_ID)


@pytest.mark.parametrize(
    "path, value",
    [
        (["capture", "capture_id"], "01m81x66etk3cwxy6yrzdpgctk"),
        (["capture", "stage"], "captured"),
        (["capture", "stage"], "lost"),
        (["capture", "revision"], 0),
        (["capture", "artefacts", 0, "name"], "../original.jpg"),
        (["capture", "artefacts", 0, "name"], "cutout.png"),
        (["files", "original.jpg"], "../../etc/passwd"),
        (["files", "nobody.jpg"], "original.jpg"),
        (["files", "original.jpg"], "_capture.json"),
        (["receipt", "sha256s"], {"cutout.png": "not a hash"}),
        (["v"], 2),
    ],
    ids=str,
)
def test_impossible_record_is_refused(path: list[str | int], value: object) -> None:
    document = first_release()
    place: Any = document
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    with pytest.raises(BadMessage):
        decode_record(sealed(document), CAPTURE_ID)


def test_huge_sidecar_is_refused_before_it_is_parsed() -> None:
    with pytest.raises(BadMessage, match="larger"):
        decode_record(b" " * (MAX_RECORD_BYTES + 1), CAPTURE_ID)


def test_numbers_of_numpy_are_stored_as_numbers() -> None:
    record = decode_record(VERSION_1.read_bytes(), CAPTURE_ID)
    capture = Capture(
        **{
            **{name: getattr(record.capture, name) for name in record.capture.__dataclass_fields__},
            "fill": np.float32(0.5),
            "bbox": tuple(np.arange(4)),
            "stage_ms": {"cut": np.float64(1.5)},
        }
    )
    stored = decode_record(encode_record(Record(capture)), CAPTURE_ID).capture
    assert (stored.fill, stored.bbox, stored.stage_ms) == (0.5, (0, 1, 2, 3), {"cut": 1.5})


@pytest.mark.parametrize("media_type", [*EXTENSIONS, "IMAGE/JPEG; charset=binary", "text/plain", ""])
def test_names_of_originals_tell_their_type(media_type: str) -> None:
    for number in (1, 2, 300):
        name = original_name(number, media_type)
        expected = media_type.partition(";")[0].lower()
        assert media_type_of(name) == (expected if expected in EXTENSIONS else "application/octet-stream")
