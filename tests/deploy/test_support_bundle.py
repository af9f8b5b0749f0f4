"""What a support bundle holds, and what it must never hold."""

import contextlib
import json
import resource
import tarfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from packshot.config import load
from packshot.domain import CaptureRequest, Frame, Shutter, ShutterProof
from packshot.errors import ConfigError, SpoolError
from packshot.platform.procfs import HostFiles
from packshot.redaction import hide_secrets, hide_values
from packshot.spool.sqlite_spool import SqliteSpool
from packshot.support import Sources, write_bundle

CONFIG = """
[mqtt]
password_file = "/etc/credstore/mqtt-password"
[camera]
kind = "opencv"
source = "rtsp://admin:correcthorse@10.0.0.9/stream"
[uploader]
options = { path = "/srv", api_key = "sk-live-123456", headers = { Authorization = "Bearer abcdefgh" } }
"""
SECRETS = ("correcthorse", "sk-live-123456", "abcdefgh")


def unpack(path: Path) -> dict[str, str]:
    with tarfile.open(path) as archive:
        found = {Path(item.name).name: archive.extractfile(item) for item in archive.getmembers()}
        return {name: file.read().decode() for name, file in found.items() if file}


def sources(folder: Path, text: str = CONFIG, **changes: object) -> Sources:
    (folder / "packshot.toml").write_text(text)
    values = {"loaded": load(folder / "packshot.toml", {}), "spool": SpoolError("no spool"), "host": HostFiles(folder)}
    return Sources(**{**values, **changes})  # type: ignore[arg-type]


def test_no_secret_of_the_configuration_is_in_the_bundle_and_all_else_is(tmp_path: Path) -> None:
    write_bundle(tmp_path / "b.tar.gz", sources(tmp_path))
    files = unpack(tmp_path / "b.tar.gz")
    assert [secret for secret in SECRETS if secret in "".join(files.values())] == []
    assert 'password_file = "/etc/credstore/mqtt-password"' in files["configuration.toml"]
    assert 'path = "/srv"' in files["configuration.toml"]
    assert "@10.0.0.9/stream" in files["configuration.toml"]
    assert "numpy " in files["versions.txt"]


def test_a_captures_story_is_told_without_its_picture(tmp_path: Path) -> None:
    spool = SqliteSpool(tmp_path / "spool")
    frame = Frame(b"\xff\xd8 a customer's photo", "image/jpeg", Shutter(ShutterProof.UNKNOWN, None))
    capture = spool.accept(CaptureRequest("r1", sku="A-1"), [frame])
    write_bundle(tmp_path / "b.tar.gz", sources(tmp_path, spool=spool))
    spool.close()
    files = unpack(tmp_path / "b.tar.gz")
    story = json.loads(files["captures.jsonl"])
    assert (story["capture"], story["stage"], story["sku"]) == (capture.capture_id, "accepted", "A-1")
    assert "a customer's photo" not in "".join(files.values())
    assert json.loads(files["spool.json"])["per_stage"]["accepted"] == 1


def test_where_privacy_is_asked_for_skus_stay_at_home(tmp_path: Path) -> None:
    spool = SqliteSpool(tmp_path / "spool")
    frame = Frame(b"\xff\xd8", "image/jpeg", Shutter(ShutterProof.UNKNOWN, None))
    spool.accept(CaptureRequest("r1", sku="passport-of-jane"), [frame])
    write_bundle(tmp_path / "b.tar.gz", sources(tmp_path, "[spool]\nprivacy = true\n", spool=spool))
    spool.close()
    assert "passport-of-jane" not in "".join(unpack(tmp_path / "b.tar.gz").values())


def test_a_broken_configuration_and_spool_do_not_prevent_it(tmp_path: Path) -> None:
    names = write_bundle(tmp_path / "b.tar.gz", Sources(ConfigError("mqtt.prot is no known key"), SpoolError("EIO")))
    files = unpack(tmp_path / "b.tar.gz")
    assert "mqtt.prot is no known key" in files["configuration.toml"]
    assert files["spool.json"] == "not available: EIO\n"
    assert set(names) == set(files)


def test_only_its_owner_may_read_it_and_nothing_is_overwritten(tmp_path: Path) -> None:
    path = tmp_path / "b.tar.gz"
    write_bundle(path, sources(tmp_path))
    assert path.stat().st_mode & 0o777 == 0o600
    with pytest.raises(FileExistsError):
        write_bundle(path, sources(tmp_path))


@contextlib.contextmanager
def full_disk() -> Iterator[None]:
    """No file can grow beyond a few bytes, as on a disk without room."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (512, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def test_a_full_disk_leaves_no_half_bundle_and_the_next_try_succeeds(tmp_path: Path) -> None:
    path, parts = tmp_path / "b.tar.gz", sources(tmp_path)
    with full_disk(), pytest.raises(OSError, match="File too large"):
        write_bundle(path, parts)
    assert not path.exists()
    names = write_bundle(path, parts)
    assert set(unpack(path)) == set(names)


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("rtsp://user:pw@host/x and http://host/a@b", "rtsp://[hidden]@host/x and http://host/a@b"),
        ("rtsp://user:p@ss@word@host/x, a@b", "rtsp://[hidden]@host/x, a@b"),
        ('password = "a\\\\ \\" b", x = "c"', 'password = "[hidden]", x = "c"'),
        (r'reason="403: {\"token\": \"a b\", \"n\": 1}" x=2', r'reason="403: {\"token\": \"[hidden]\", \"n\": 1}" x=2'),
        (r'"{\"token\": \"a\\\"b\", \"n\": 1}"', r'"{\"token\": \"[hidden]\", \"n\": 1}"'),
        ('password = "cut off', 'password = "[hidden]"'),
        ('password = "a b c"', 'password = "[hidden]"'),
        ('{"access_token": "xyz", "sku": "A"}', '{"access_token": "[hidden]", "sku": "A"}'),
        ("Authorization: Bearer abc.def-g", "Authorization: [hidden]"),
        ("GET /x?X-Amz-Signature=abc123&part=1", "GET /x?X-Amz-Signature=[hidden]&part=1"),
        ("SetCredential=mqtt-password:hunter2", "SetCredential=[hidden]"),
        ("LoadCredential=mqtt-password", "LoadCredential=mqtt-password"),
        ('password_file = "/etc/x"', 'password_file = "/etc/x"'),
        ("a -----BEGIN EC PRIVATE KEY-----\nMHc\n-----END EC PRIVATE KEY----- b", "a [hidden] b"),
        ("-----BEGIN PRIVATE KEY-----\ncut off", "[hidden]"),
        ("tokens per second: fine", "tokens per second: fine"),
    ],
)
def test_text_is_freed_of_secrets_and_of_nothing_else(text: str, expected: str) -> None:
    assert hide_secrets(text) == expected
    assert hide_secrets(expected) == expected


def test_a_known_password_is_hidden_wherever_it_turns_up() -> None:
    assert hide_secrets("login opensesame failed", {"opensesame", "in"}) == "login [hidden] failed"


def test_values_are_hidden_at_any_depth() -> None:
    table = {"a": {"secret_key": "x", "key_path": "/k", "n": 3}, "token": "", "width": 7}
    assert hide_values(table) == {"a": {"secret_key": "[hidden]", "key_path": "/k", "n": 3}, "token": "", "width": 7}
