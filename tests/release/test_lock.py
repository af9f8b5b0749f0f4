"""What of a lock each machine and Python needs, and which wheel is taken."""

import hashlib
from pathlib import Path

import pytest

from packshot.errors import UsageError
from tools.releasing.lock import Pin, pins
from tools.releasing.platforms import ALL, Platform
from tools.releasing.wheels import fetch, requirements

HERE = Platform("x86_64", (3, 11))
REPOSITORY = Path(__file__).parents[2]
LOCK = """\
# a comment
one==1.0 ; platform_machine != 'armv7l' \\
    --hash=sha256:{0} \\
    --hash=sha256:{1}
Two_Parts==2.0 ; python_full_version >= '3.12' \\
    --hash=sha256:{0}
three==3.0 ; sys_platform == 'win32' \\
    --hash=sha256:{0}
"""


def write(folder: Path, text: str) -> Path:
    (folder / "lock.txt").write_text(text.format("0" * 64, "1" * 64))
    return folder / "lock.txt"


def test_markers_are_judged_for_the_target_and_not_for_this_machine(tmp_path: Path) -> None:
    lock = write(tmp_path, LOCK)
    assert [pin.name for pin in pins(lock, Platform("aarch64", (3, 11)))] == ["one"]
    assert [pin.name for pin in pins(lock, Platform("aarch64", (3, 13)))] == ["one", "two-parts"]
    assert pins(lock, HERE)[0].hashes == ("0" * 64, "1" * 64)


@pytest.mark.parametrize("line", ["one>=1.0 --hash=sha256:{0}", "one==1.0", "one @ file:///x --hash=sha256:{0}", "=="])
def test_a_line_that_pins_nothing_is_refused(tmp_path: Path, line: str) -> None:
    with pytest.raises(UsageError, match="deploy/locks/write"):
        pins(write(tmp_path, line), HERE)


@pytest.mark.parametrize("platform", ALL, ids=str)
def test_the_released_locks_can_be_read_for_every_target(platform: Platform) -> None:
    names = {pin.name for pin in pins(REPOSITORY / "deploy/locks" / f"{platform.lock}.txt", platform)}
    assert {"ai-edge-litert", "numpy", "opencv-python-headless", "msgspec"} <= names
    assert "colorama" not in names


def wheel(folder: Path, name: str, data: bytes = b"wheel") -> str:
    folder.mkdir(exist_ok=True)
    (folder / name).write_bytes(data)
    return hashlib.sha256(data).hexdigest()


def test_the_wheel_for_the_newest_platform_is_preferred_and_others_are_left(tmp_path: Path) -> None:
    cache = tmp_path / "cache"
    plain = wheel(cache, "one-1.0-py3-none-any.whl")
    old = wheel(cache, "one-1.0-cp311-cp311-manylinux2014_x86_64.whl", b"old")
    new = wheel(cache, "one-1.0-cp311-cp311-manylinux_2_28_x86_64.whl", b"new")
    other = wheel(cache, "one-1.0-cp312-cp312-manylinux_2_28_aarch64.whl", b"other")
    pin = Pin("one", "1.0", (plain, old, new, other))
    (tmp_path / "out").mkdir()
    [taken] = fetch([pin], HERE, tmp_path / "out", cache)
    assert taken.read_bytes() == b"new"
    assert requirements([pin], [taken]) == f"one==1.0 --hash=sha256:{new}\n"


def test_a_wheel_in_the_cache_with_another_hash_is_not_taken(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cache = tmp_path / "cache"
    wheel(cache, "one-1.0-py3-none-any.whl", b"tampered")
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    (tmp_path / "out").mkdir()
    with pytest.raises(UsageError, match=r"wheels for x86_64-cp311 cannot be fetched"):
        fetch([Pin("one", "1.0", (hashlib.sha256(b"honest").hexdigest(),))], HERE, tmp_path / "out", cache)
    assert list((tmp_path / "out").iterdir()) == []
