"""What comes over the wire is hostile until it has been decoded."""

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot.domain import CAPTURE_ID, mint_capture_id
from packshot.errors import BadMessage
from packshot.messages import (
    MAX_CONTROL_BYTES,
    CaptureCommand,
    CaptureVerb,
    Claim,
    Offer,
    Receipt,
    capture_request,
    decode,
    encode,
    parse_part_topic,
    part_topic,
)

CAPTURE = mint_capture_id(1_700_000_000_000, None, bytes(10))


def test_a_full_capture_command_becomes_its_request() -> None:
    payload = (
        b'{"request_id":"r1","sku":"A-1","angle":2,"profile":"soft","preset":"web","expires_at":"2030-01-01T00:00:00Z"}'
    )
    request = capture_request(payload, "mqtt")
    assert (request.request_id, request.sku, request.angle) == ("r1", "A-1", 2)
    assert (request.profile, request.preset, request.expires_at) == ("soft", "web", "2030-01-01T00:00:00Z")


@pytest.mark.parametrize("payload", [b"", b"  \n", b"PRESS", b"{}"])
def test_a_bare_press_is_a_capture_with_an_id_of_its_own(payload: bytes) -> None:
    first, second = capture_request(payload, "mqtt"), capture_request(payload, "mqtt")
    assert first.request_id != second.request_id
    assert first.sku == ""


def test_unknown_fields_are_ignored() -> None:
    assert capture_request(b'{"request_id":"r1","till":7,"v":3}', "mqtt").request_id == "r1"


@pytest.mark.parametrize(
    "payload",
    [
        b"nope",
        b"[1]",
        b'"PRESS"',
        b"null",
        b'{"angle":"left"}',
        b'{"angle":-1}',
        b'{"angle":1000}',
        b'{"request_id":""}',
        b'{"request_id":"a b"}',
        b'{"request_id":"x\\n"}',
        b'{"sku":"../../etc/passwd"}',
        b'{"sku":"a/b"}',
        b'{"sku":"a\\u0000b"}',
        b'{"sku":"a\\u202eb"}',
        b'{"sku":"' + b"x" * 65 + b'"}',
        b'{"preset":"../web"}',
        b'{"sku":"\xff"}',
        b"[" * 5000,
        b"{" + b" " * MAX_CONTROL_BYTES + b"}",
    ],
)
def test_a_hostile_command_is_refused_in_one_line(payload: bytes) -> None:
    with pytest.raises(BadMessage) as error:
        capture_request(payload, "mqtt")
    assert "\n" not in str(error.value)
    assert len(str(error.value)) < 400


@given(st.binary(max_size=200))
def test_no_bytes_whatsoever_break_the_decoder(payload: bytes) -> None:
    for kind in (CaptureCommand, CaptureVerb, Claim, Offer, Receipt):
        try:
            decode(payload, kind)
        except BadMessage:
            continue


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=8,
)
names = ["sku", "angle", "revision", "supersedes", "artefacts", "uploader_id", "have", "sha256s", "at"]


@given(st.dictionaries(st.sampled_from(names), json_values, max_size=6))
def test_what_decodes_encodes_to_the_same_message(table: dict[str, object]) -> None:
    for kind in (CaptureCommand, Claim, Offer, Receipt):
        try:
            message = decode(json.dumps(table).encode(), kind)
        except BadMessage:
            continue
        assert decode(encode(message), kind) == message


@given(st.integers(0, 4095), st.integers(1, 4096))
def test_part_topics_read_back_or_are_refused(part: int, of: int) -> None:
    topic = part_topic(CAPTURE, "web.webp", part, of)
    if part < of:
        assert parse_part_topic(topic) == (CAPTURE, "web.webp", part, of)
    else:
        with pytest.raises(BadMessage):
            parse_part_topic(topic)


@pytest.mark.parametrize(
    "topic",
    [
        f"cutout/{CAPTURE}/../0/1",
        f"cutout/{CAPTURE}/a.b.c/0/1",
        f"cutout/{CAPTURE}/web.webp/-1/1",
        f"cutout/{CAPTURE}/web.webp/0/99999",
        f"cutout/{CAPTURE}/web.webp/\u0660/1",
        "cutout/x/web.webp/0/1",
        f"cutout/{CAPTURE}/web.webp/0",
        f"offer/{CAPTURE}/web.webp/0/1",
    ],
)
def test_a_hostile_part_topic_is_refused(topic: str) -> None:
    with pytest.raises(BadMessage):
        parse_part_topic(topic)


@given(st.lists(st.integers(0, 2**47), min_size=2, max_size=20), st.binary(min_size=10, max_size=10))
def test_capture_ids_rise_whatever_the_clock_does(clock: list[int], entropy: bytes) -> None:
    last: str | None = None
    for now_ms in clock:
        minted = mint_capture_id(now_ms, last, entropy)
        assert CAPTURE_ID.fullmatch(minted)
        assert last is None or minted > last
        last = minted
