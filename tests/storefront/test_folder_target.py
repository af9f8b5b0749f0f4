"""The folder storefront: what it leaves on disk, also when it is cut short."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from packshot.errors import TargetUnavailable
from packshot.storefront.targets.folder import FolderTarget
from tests.support.targets import capture_id, package


@pytest.fixture
def shop(tmp_path: Path) -> Path:
    return tmp_path / "shop"


@pytest.fixture
def target(shop: Path) -> FolderTarget:
    return FolderTarget(str(shop))


def test_the_sidecar_tells_what_the_receipt_tells(target: FolderTarget, shop: Path, tmp_path: Path) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"}, sku="A-1", angle=2, revision=3)
    stored = target.put(parcel.key, parcel.pictures)
    sidecar = json.loads((shop / "A-1" / "A-1_2.packshot.json").read_text())
    assert sidecar["capture_id"] == parcel.key.capture_id
    assert sidecar["revision"] == 3
    assert sidecar["sha256s"] == dict(parcel.key.sha256s)
    assert sidecar["files"] == {"picture.webp": "A-1_2.webp"}
    assert sidecar["storefront_id"] == stored.storefront_id == "A-1/A-1_2.webp"


def test_pictures_can_be_read_by_a_web_server(target: FolderTarget, shop: Path, tmp_path: Path) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"})
    target.put(parcel.key, parcel.pictures)
    assert (shop / "A-1" / "A-1_0.webp").stat().st_mode & 0o777 == 0o644
    assert (shop / "A-1").stat().st_mode & 0o005 == 0o005


def test_the_receipt_s_url_is_the_web_server_s_where_one_is_configured(shop: Path, tmp_path: Path) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"}, sku="A 1")
    stored = FolderTarget(str(shop), base_url="https://shop.example/media/").put(parcel.key, parcel.pictures)
    assert stored.url == "https://shop.example/media/A%201/A%201_0.webp"


def test_the_former_revision_is_kept_whole_with_its_sidecar(target: FolderTarget, shop: Path, tmp_path: Path) -> None:
    first = package(tmp_path, {"picture.webp": b"1", "cutout.png": b"c1"}, capture=capture_id(1))
    second = package(tmp_path, {"picture.webp": b"2", "cutout.png": b"c2"}, capture=capture_id(2), revision=2)
    target.put(first.key, first.pictures)
    target.put(second.key, second.pictures)
    kept = shop / "A-1" / ".superseded" / first.key.capture_id
    assert {path.name: path.read_bytes() for path in kept.iterdir() if path.suffix != ".json"} == {
        "A-1_0.webp": b"1",
        "A-1_0.cutout.png": b"c1",
    }
    assert target.find(first.key) is not None


def test_a_picture_that_somebody_damaged_is_not_found(target: FolderTarget, shop: Path, tmp_path: Path) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"})
    target.put(parcel.key, parcel.pictures)
    (shop / "A-1" / "A-1_0.webp").write_bytes(b"y")
    assert target.find(parcel.key) is None
    target.put(parcel.key, parcel.pictures)
    assert (shop / "A-1" / "A-1_0.webp").read_bytes() == b"x"


@pytest.mark.parametrize("rubbish", [b"", b"{", b"[]", b"\xff\xfe", b'{"capture_id": 1}'])
def test_a_torn_sidecar_is_replaced(target: FolderTarget, shop: Path, tmp_path: Path, rubbish: bytes) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"})
    (shop / "A-1").mkdir(parents=True)
    (shop / "A-1" / "A-1_0.packshot.json").write_bytes(rubbish)
    target.put(parcel.key, parcel.pictures)
    assert target.find(parcel.key) is not None


def test_a_sidecar_that_names_files_outside_is_not_followed(target: FolderTarget, shop: Path, tmp_path: Path) -> None:
    secret = tmp_path / "secret.txt"
    secret.write_bytes(b"keep")
    first = package(tmp_path, {"picture.webp": b"1"}, capture=capture_id(1))
    target.put(first.key, first.pictures)
    sidecar = shop / "A-1" / "A-1_0.packshot.json"
    document = json.loads(sidecar.read_text())
    document["files"]["picture.webp"] = "../../secret.txt"
    sidecar.write_text(json.dumps(document))
    second = package(tmp_path, {"picture.webp": b"2"}, capture=capture_id(2), revision=2)
    target.put(second.key, second.pictures)
    assert secret.read_bytes() == b"keep"


def test_what_an_interrupted_attempt_left_behind_does_not_matter(
    target: FolderTarget, shop: Path, tmp_path: Path
) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"})
    staging = shop / "A-1" / ".incoming"
    staging.mkdir(parents=True)
    (staging / "A-1_0.webp").write_bytes(b"half")
    target.put(parcel.key, parcel.pictures)
    assert sorted(path.name for path in (shop / "A-1").iterdir()) == ["A-1_0.packshot.json", "A-1_0.webp"]


def test_two_skus_that_are_one_name_to_the_file_system_get_two_folders(
    target: FolderTarget, shop: Path, tmp_path: Path
) -> None:
    """As if the folder lay on a file system where case does not count: the first SKU's folder answers to both."""
    first = package(tmp_path, {"picture.webp": b"1"}, sku="abc", capture=capture_id(1))
    second = package(tmp_path, {"picture.webp": b"2"}, sku="ABC", capture=capture_id(2))
    target.put(first.key, first.pictures)
    (shop / "ABC").symlink_to(shop / "abc", target_is_directory=True)
    target.put(second.key, second.pictures)
    assert (shop / "abc" / "abc_0.webp").read_bytes() == b"1"
    assert target.find(first.key) is not None
    assert target.find(second.key) is not None


def test_a_folder_that_cannot_be_written_is_unavailable_not_refused(tmp_path: Path) -> None:
    blocked = tmp_path / "file"
    blocked.write_text("not a folder")
    parcel = package(tmp_path, {"picture.webp": b"x"})
    with pytest.raises(TargetUnavailable, match="cannot be used"):
        FolderTarget(str(blocked / "shop")).put(parcel.key, parcel.pictures)


def test_a_source_that_changes_under_way_is_not_stored(target: FolderTarget, shop: Path, tmp_path: Path) -> None:
    parcel = package(tmp_path, {"picture.webp": b"x"})
    parcel.pictures[0].path.write_bytes(b"y")
    with pytest.raises(TargetUnavailable, match="changed"):
        target.put(parcel.key, parcel.pictures)
    assert not (shop / "A-1" / "A-1_0.webp").exists()


class _PowerCut(BaseException):
    """Nothing catches this."""


@pytest.mark.parametrize("next_one", [1, 2])
def test_a_retake_in_another_format_leaves_nothing_beside_it_whenever_it_is_cut_short(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, next_one: int
) -> None:
    """What comes next is the same retake again, or, where that was cancelled, one in the first format."""
    retakes = [
        package(tmp_path, {f"picture.{suffix}": b"%d" % number}, capture=capture_id(number), revision=number)
        for number, suffix in enumerate(("jpg", "webp", "jpg"), 1)
    ]
    shown = {1: ["A-1_0.packshot.json", "A-1_0.webp"], 2: ["A-1_0.jpg", "A-1_0.packshot.json"]}[next_one]
    moment, cut_short = 0, True
    while cut_short:
        shop = tmp_path / f"shop{moment}"
        target = FolderTarget(str(shop))
        target.put(retakes[0].key, retakes[0].pictures)
        with monkeypatch.context() as patch:
            _cut_power(patch, moment)
            try:
                target.put(retakes[1].key, retakes[1].pictures)
                cut_short = False
            except _PowerCut:
                moment += 1
        target.put(retakes[next_one].key, retakes[next_one].pictures)
        assert (moment, sorted(path.name for path in (shop / "A-1").iterdir() if path.is_file())) == (moment, shown)
    assert moment > 3


def _cut_power(patch: pytest.MonkeyPatch, moment: int) -> None:
    """Before that many changes to the folder have been made."""
    changes = 0

    def counted(change: Callable[..., Any]) -> Callable[..., Any]:
        def call(*args: Any, **kwargs: Any) -> Any:
            nonlocal changes
            if changes == moment:
                raise _PowerCut
            changes += 1
            return change(*args, **kwargs)

        return call

    for name in ("replace", "rename", "unlink", "rmdir"):
        patch.setattr(Path, name, counted(getattr(Path, name)))
