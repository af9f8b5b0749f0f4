"""What a client of the repository folder sees while it is made, published to, renewed and given new keys."""

import shutil
from pathlib import Path

import pytest
from tuf.api.exceptions import RepositoryError
from tuf.api.metadata import Metadata

from packshot.errors import UsageError
from tests.release.conftest import Box, Calendar
from tools.releasing.keys import Keyring, make_key
from tools.releasing.repository import Store
from tools.releasing.roots import Ceremony


def publish(store: Store, folder: Path, name: str, data: bytes) -> None:
    file = folder / "published"
    file.write_bytes(data)
    store.add_targets({name: file})
    store.refresh()


def test_a_published_file_reaches_a_box(store: Store, box: Box, tmp_path: Path) -> None:
    publish(store, tmp_path, "1.0/bundle", b"first")
    assert box.get("1.0/bundle") == b"first"


def test_what_is_served_holds_no_private_key_and_can_be_read_by_a_web_server(store: Store, tmp_path: Path) -> None:
    publish(store, tmp_path, "bundle", b"x")
    for file in store.folder.rglob("*"):
        assert file.stat().st_mode & 0o004, file
        assert file.is_dir() or b"PRIVATE" not in file.read_bytes()


def test_a_published_name_keeps_its_bytes(store: Store, tmp_path: Path) -> None:
    publish(store, tmp_path, "bundle", b"first")
    with pytest.raises(UsageError, match="published with other bytes"):
        publish(store, tmp_path, "bundle", b"second")


def test_a_channel_is_replaced_by_its_own_key_alone(store: Store, box: Box, tmp_path: Path, keys: Path) -> None:
    sticks = split(keys, tmp_path)
    rolling = Store(store.folder, Keyring((sticks["channels"], sticks["snapshot"], sticks["timestamp"])))
    for text in (b"first", b"second"):
        (tmp_path / "channel").write_bytes(text)
        rolling.replace_channel("channels/stable.json", tmp_path / "channel")
        rolling.refresh()
        assert box.get("channels/stable.json") == text
    with pytest.raises(UsageError, match="no trusted targets key"):
        rolling.add_targets({"files/x": tmp_path / "channel"})


def test_the_channels_key_cannot_list_a_release(store: Store, box: Box, tmp_path: Path) -> None:
    (tmp_path / "forged").write_bytes(b"forged")
    store.replace_channel("releases/9.9.9/x86_64-cp311.json", tmp_path / "forged")
    store.refresh()
    assert box.updater().get_targetinfo("releases/9.9.9/x86_64-cp311.json") is None


def test_a_new_channels_key_replaces_the_old_one(store: Store, box: Box, tmp_path: Path, keys: Path) -> None:
    new = make_key(tmp_path / "new", "channels-2")
    old = list(store.trusted("channels").keyids)
    store.keys = Keyring((keys, tmp_path / "new"))
    store.rotate_channels(old, [new])
    (tmp_path / "channel").write_bytes(b"x")
    store.replace_channel("channels/stable.json", tmp_path / "channel")
    store.refresh()
    assert box.get("channels/stable.json") == b"x"
    store.keys = Keyring((keys,))
    assert not store.can_sign("channels")


def test_a_removed_target_is_gone_for_boxes(store: Store, box: Box, tmp_path: Path) -> None:
    publish(store, tmp_path, "bundle", b"x")
    store.remove_targets(["bundle"])
    store.refresh()
    assert box.updater().get_targetinfo("bundle") is None
    assert list((store.folder / "targets").iterdir()) == []


def test_a_changed_byte_is_found_before_and_after_publishing(store: Store, box: Box, tmp_path: Path) -> None:
    publish(store, tmp_path, "bundle", b"honest")
    store.check()
    next((store.folder / "targets").iterdir()).write_bytes(b"hontst")
    with pytest.raises(UsageError, match="bundle"):
        store.check()
    with pytest.raises(RepositoryError):
        box.get("bundle")


@pytest.mark.parametrize("left", [b"", b"hon", b"hontst"])
def test_a_file_that_a_power_cut_damaged_is_whole_once_it_is_published_again(
    store: Store, box: Box, tmp_path: Path, left: bytes
) -> None:
    publish(store, tmp_path, "files/bundle", b"honest")
    [damaged] = [file for file in (store.folder / "targets").rglob("*") if file.is_file()]
    damaged.write_bytes(left)
    publish(store, tmp_path, "files/bundle", b"honest")
    store.check()
    assert box.get("files/bundle") == b"honest"
    assert [file for file in (store.folder / "targets").rglob("*") if file.is_file()] == [damaged]
    assert damaged.stat().st_mode & 0o777 == 0o644


def test_the_root_waits_until_two_of_three_have_signed(tmp_path: Path, keys: Path) -> None:
    sticks = split(keys, tmp_path)
    folder = tmp_path / "apart"
    first = Store(folder, Keyring((sticks["root-1"], sticks["public"])))
    assert not Ceremony(first).begin()
    assert not (folder / "metadata" / "1.root.json").exists()
    assert not Ceremony(first).sign(), "the same key twice is one signature"
    second = Store(folder, Keyring((sticks["root-3"],)))
    assert Ceremony(second).sign()
    assert (folder / "metadata" / "1.root.json").exists()
    assert Ceremony(second).staged() is None


def split(keys: Path, folder: Path) -> dict[str, Path]:
    """Each private key on a stick of its own, all public halves in one folder."""
    sticks = {"public": folder / "public"}
    sticks["public"].mkdir()
    for public in keys.glob("*.pub"):
        shutil.copy(public, sticks["public"])
        stick = sticks[public.stem] = folder / public.stem
        stick.mkdir()
        shutil.copy(public, stick)
        shutil.copy(public.with_suffix(".pem"), stick)
    return sticks


def test_the_offline_machine_lists_and_the_online_machine_makes_it_visible(
    tmp_path: Path, store: Store, box: Box, keys: Path
) -> None:
    sticks = split(keys, tmp_path)
    (tmp_path / "bundle").write_bytes(b"x")
    offline = Store(store.folder, Keyring((sticks["targets"],)))
    offline.add_targets({"bundle": tmp_path / "bundle"})
    assert not offline.can_sign("timestamp")
    assert box.updater().get_targetinfo("bundle") is None
    online = Store(store.folder, Keyring((sticks["snapshot"], sticks["timestamp"])))
    assert online.refresh() == ["snapshot", "timestamp"]
    assert box.get("bundle") == b"x"


def test_the_online_keys_alone_can_list_nothing(tmp_path: Path, store: Store, keys: Path) -> None:
    sticks = split(keys, tmp_path)
    (tmp_path / "bundle").write_bytes(b"x")
    online = Store(store.folder, Keyring((sticks["snapshot"], sticks["timestamp"])))
    with pytest.raises(UsageError, match="no trusted targets key"):
        online.add_targets({"bundle": tmp_path / "bundle"})
    assert list((store.folder / "targets").iterdir()) == []


def test_a_timestamp_that_nobody_renews_expires_and_a_renewed_one_serves(
    store: Store, box: Box, calendar: Calendar
) -> None:
    calendar.later(-8)
    store.refresh(force=True)
    with pytest.raises(RepositoryError):
        box.updater()
    calendar.later(8)
    assert store.refresh(force=True) == ["snapshot", "timestamp"]
    box.updater()


def test_a_new_targets_key_replaces_the_old_one(store: Store, box: Box, tmp_path: Path, keys: Path) -> None:
    publish(store, tmp_path, "bundle", b"x")
    box.updater()
    old = store.root().roles["targets"].keyids
    new = make_key(tmp_path / "new", "targets-2")
    store.keys = Keyring((keys, tmp_path / "new"))
    assert Ceremony(store).rotate("targets", list(old), [new])
    publish(store, tmp_path, "second", b"y")
    assert box.get("second") == b"y"
    assert list(Metadata.from_file(str(newest(store, "targets"))).signatures) == [new.keyid]


def newest(store: Store, role: str) -> Path:
    return max((store.folder / "metadata").glob(f"*.{role}.json"), key=lambda path: int(path.name.split(".")[0]))


def test_every_root_key_can_be_replaced_one_after_the_other(store: Store, box: Box, tmp_path: Path, keys: Path) -> None:
    for number, old in enumerate(list(store.root().roles["root"].keyids)):
        new = make_key(tmp_path / "new", f"root-{number + 4}")
        store.keys = Keyring((keys, tmp_path / "new"))
        assert Ceremony(store).rotate("root", [old], [new])
    store.keys = Keyring((keys,))
    assert not store.can_sign("root"), "the old keys no longer count"
    assert box.updater() is not None
    assert (box.folder / "metadata" / "root_history" / "4.root.json").exists()


def test_a_role_cannot_lose_the_keys_it_needs(store: Store) -> None:
    keyids = store.root().roles["root"].keyids
    with pytest.raises(UsageError, match="fewer keys than must sign"):
        Ceremony(store).rotate("root", keyids[:2], [])
    assert store.root().version == 1


def test_a_second_root_is_refused(store: Store) -> None:
    with pytest.raises(UsageError, match="has a root already"):
        Ceremony(store).begin()
