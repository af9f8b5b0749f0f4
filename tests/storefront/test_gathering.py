"""Parts on disk: any order, repeats, restarts, and strangers who send what was not offered."""

import hashlib
import os
import random
import time
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from packshot.errors import BadMessage, IntegrityError
from packshot.messages import Offer, OfferedArtefact
from packshot.parts import from_ranges, part_count, part_span
from packshot.storefront.delivery.gathering import Gathering, stale_folders
from packshot.storefront.delivery.limits import parse_offer_topic, reason_to_refuse

DATA = bytes(range(256)) * 10
PART_BYTES = 100


def offered(data: bytes = DATA, name: str = "picture.webp", part_bytes: int = PART_BYTES) -> OfferedArtefact:
    digest = hashlib.sha256(data).hexdigest()
    return OfferedArtefact(name, "picture", digest, len(data), "image/webp", part_count(len(data), part_bytes))


def piece(data: bytes, part: int, of: int) -> bytes:
    start, end = part_span(len(data), part, of)
    return data[start:end]


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=30, deadline=None)
@given(seed=st.integers(0, 1000), size=st.integers(0, 3000), part_bytes=st.integers(1, 400))
def test_parts_in_any_order_and_twice_make_the_file(tmp_path: Path, seed: int, size: int, part_bytes: int) -> None:
    seeded = random.Random(seed)
    data = seeded.randbytes(size)
    artefact = offered(data, part_bytes=part_bytes)
    gathering = Gathering(tmp_path / f"{seed}-{size}-{part_bytes}", [artefact])
    order = list(range(artefact.parts)) * 2
    seeded.shuffle(order)
    for part in order:
        gathering.add(artefact.name, part, artefact.parts, piece(data, part, artefact.parts))
    assert gathering.complete()
    gathering.check()
    assert gathering.path(artefact.name).read_bytes() == data


def test_a_restart_goes_on_where_it_was(tmp_path: Path) -> None:
    artefact = offered()
    first = Gathering(tmp_path, [artefact])
    for part in (0, 1, 2, 7):
        first.add(artefact.name, part, artefact.parts, piece(DATA, part, artefact.parts))
    again = Gathering(tmp_path, [artefact])
    assert again.have() == {"picture.webp": [(0, 2), (7, 7)]}
    assert not again.complete()


@settings(suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60, deadline=None)
@given(size=st.integers(1, 1000), first=st.integers(1, 200), second=st.integers(1, 200), chance=st.randoms())
def test_another_cut_into_parts_takes_over_what_is_covered(
    tmp_path: Path, size: int, first: int, second: int, chance: random.Random
) -> None:
    """The box makes parts smaller when they lose it the link, and begins with large ones after a restart."""
    data, folder = chance.randbytes(size), tmp_path / os.urandom(8).hex()
    old, new = offered(data, part_bytes=first), offered(data, part_bytes=second)
    gathering, arrived = Gathering(folder, [old]), bytearray(size)
    for part in chance.sample(range(old.parts), chance.randint(0, old.parts)):
        gathering.add(old.name, part, old.parts, piece(data, part, old.parts))
        start, end = part_span(size, part, old.parts)
        arrived[start:end] = b"\x01" * (end - start)
    again = Gathering(folder, [new])
    here = from_ranges(again.have().get(new.name, ()), new.parts)
    assert here == {part for part in range(new.parts) if all(piece(bytes(arrived), part, new.parts))}
    for part in set(range(new.parts)) - here:
        again.add(new.name, part, new.parts, piece(data, part, new.parts))
    again.check()


def test_torn_bytes_of_another_cut_are_thrown_away_with_it(tmp_path: Path) -> None:
    artefact, other = offered(), offered(part_bytes=50)
    gathering = Gathering(tmp_path, [artefact])
    for part in range(artefact.parts):
        gathering.add(artefact.name, part, artefact.parts, piece(DATA, part, artefact.parts))
    gathering.path(artefact.name).write_bytes(bytes(len(DATA)))
    again = Gathering(tmp_path, [other])
    assert again.complete()
    with pytest.raises(IntegrityError):
        again.check()
    assert again.have() == {}


def test_torn_bytes_are_found_and_fetched_again(tmp_path: Path) -> None:
    artefact = offered()
    gathering = Gathering(tmp_path, [artefact])
    for part in range(artefact.parts):
        gathering.add(artefact.name, part, artefact.parts, piece(DATA, part, artefact.parts))
    gathering.path(artefact.name).write_bytes(bytes(len(DATA)))
    with pytest.raises(IntegrityError):
        gathering.check()
    assert gathering.have() == {}
    assert not gathering.complete()


@pytest.mark.parametrize(
    ("name", "part", "of", "size"),
    [
        ("other.webp", 0, 26, 98),
        ("picture.webp", 0, 25, 98),
        ("picture.webp", 0, 26, 97),
        ("picture.webp", 0, 26, 5000),
    ],
)
def test_parts_that_were_not_offered_are_refused(tmp_path: Path, name: str, part: int, of: int, size: int) -> None:
    gathering = Gathering(tmp_path, [offered()])
    with pytest.raises(BadMessage):
        gathering.add(name, part, of, bytes(size))
    assert gathering.have() == {}


def test_names_from_the_wire_never_become_file_names(tmp_path: Path) -> None:
    Gathering(tmp_path / "work", [offered(name="a" * 40)])
    assert {path.suffix for path in (tmp_path / "work").iterdir()} == {".data", ".have"}
    assert not any("aaa" in path.name for path in tmp_path.rglob("*"))


def test_what_nobody_went_on_with_is_stale(tmp_path: Path) -> None:
    Gathering(tmp_path / "studio-1" / "old", [offered()])
    Gathering(tmp_path / "studio-1" / "new", [offered()])
    long_ago = time.time() - 1000
    for path in (*(tmp_path / "studio-1" / "old").iterdir(), tmp_path / "studio-1" / "old"):
        os.utime(path, (long_ago, long_ago))
    assert list(stale_folders(tmp_path, 500)) == [tmp_path / "studio-1" / "old"]


def an_offer(*artefacts: OfferedArtefact) -> Offer:
    return Offer(sku="A-1", angle=0, revision=1, supersedes=None, artefacts=list(artefacts))


def test_ordinary_offers_are_taken() -> None:
    assert reason_to_refuse(an_offer(offered(), offered(b"", "empty.png")), 10_000) == ""


@pytest.mark.parametrize(
    ("offer", "reason"),
    [
        (an_offer(offered(), offered()), "same name"),
        (an_offer(offered(b"12345678", part_bytes=1), offered(name="b")), "over this uploader's limit"),
        (an_offer(OfferedArtefact("a", "picture", "0" * 64, 10, "image/png", 0)), "bytes without parts"),
        (an_offer(OfferedArtefact("a", "picture", "0" * 64, 0, "image/png", 3)), "parts without bytes"),
        (an_offer(OfferedArtefact("a", "picture", "0" * 64, 10, "image/png", 11)), "more parts than bytes"),
    ],
)
def test_offers_that_cannot_be_right_are_refused_with_a_reason(offer: Offer, reason: str) -> None:
    assert reason in reason_to_refuse(offer, 2000)


@pytest.mark.parametrize(
    "topic",
    ["packshot/a/offer", "packshot/a/offer/x", "packshot/A/offer/01arz3ndektsv4rrffq69g5fav", "x", "packshot//offer/"],
)
def test_topics_that_name_no_offer_are_bad_messages(topic: str) -> None:
    with pytest.raises(BadMessage):
        parse_offer_topic(topic, "packshot")
