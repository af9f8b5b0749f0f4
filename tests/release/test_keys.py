"""Where keys may lie, who may read them, and what a passphrase protects."""

import subprocess
from pathlib import Path

import pytest

from packshot.errors import UsageError
from tools.releasing.keys import Keyring, make_key


def test_the_private_half_is_readable_by_its_owner_alone(tmp_path: Path) -> None:
    make_key(tmp_path / "stick", "root-1")
    assert (tmp_path / "stick" / "root-1.pem").stat().st_mode & 0o777 == 0o600
    assert "PRIVATE" not in (tmp_path / "stick" / "root-1.pub").read_text()


def test_a_folder_inside_a_work_tree_is_refused(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    with pytest.raises(UsageError, match="inside the work tree"):
        make_key(tmp_path / "deep" / "keys", "root-1")
    assert not (tmp_path / "deep").exists()


def test_a_link_into_a_work_tree_is_refused(tmp_path: Path) -> None:
    subprocess.run(["git", "init", "-q", str(tmp_path / "tree")], check=True)
    (tmp_path / "keys").symlink_to(tmp_path / "tree")
    with pytest.raises(UsageError, match="inside the work tree"):
        make_key(tmp_path / "keys", "root-1")


def test_the_served_folder_is_refused(tmp_path: Path) -> None:
    for name in ("metadata", "targets", "keys"):
        (tmp_path / name).mkdir()
    with pytest.raises(UsageError, match="served to everybody"):
        Keyring((tmp_path / "keys",))


def test_a_key_is_never_overwritten(tmp_path: Path) -> None:
    make_key(tmp_path, "targets")
    before = (tmp_path / "targets.pem").read_bytes()
    with pytest.raises(UsageError, match="never overwritten"):
        make_key(tmp_path, "targets")
    assert (tmp_path / "targets.pem").read_bytes() == before


def test_a_name_without_a_role_is_refused(tmp_path: Path) -> None:
    with pytest.raises(UsageError, match="names no role"):
        make_key(tmp_path, "alice")


def test_a_passphrase_opens_the_key_and_another_does_not(tmp_path: Path) -> None:
    key = make_key(tmp_path, "root-1", "correct horse")
    assert b"ENCRYPTED" in (tmp_path / "root-1.pem").read_bytes()
    assert len(list(Keyring((tmp_path,), lambda _: "correct horse").signers([key.keyid]))) == 1
    with pytest.raises(UsageError, match="wrong passphrase"):
        list(Keyring((tmp_path,), lambda _: "battery staple").signers([key.keyid]))


def test_a_public_half_alone_cannot_sign(tmp_path: Path) -> None:
    key = make_key(tmp_path, "root-1")
    (tmp_path / "root-1.pem").unlink()
    ring = Keyring((tmp_path,))
    assert [one.keyid for one in ring.public("root")] == [key.keyid]
    assert list(ring.signers([key.keyid])) == []


def test_keys_of_several_sticks_are_one_ring_in_the_order_of_names(tmp_path: Path) -> None:
    second = make_key(tmp_path / "b", "root-2")
    first = make_key(tmp_path / "c", "root-1")
    ring = Keyring((tmp_path / "b", tmp_path / "c"))
    assert [key.keyid for key in ring.public("root")] == [first.keyid, second.keyid]
