"""Files that are whole or not there, folders that one process holds at a time."""

import os
import resource
import threading
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from packshot.platform import durable


def test_file_holds_what_was_written_and_nothing_is_left_beside_it(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    for data in (b"first", b"", b"second longer one" * 10_000):
        durable.write_file(path, data)
        assert path.read_bytes() == data
        assert list(tmp_path.iterdir()) == [path]


def test_left_over_temporary_file_is_not_in_the_way(tmp_path: Path) -> None:
    path = tmp_path / "photo.jpg"
    path.with_name("photo.jpg" + durable.TEMPORARY_SUFFIX).write_bytes(b"from an earlier life")
    durable.write_file(path, b"new")
    assert path.read_bytes() == b"new"
    assert list(tmp_path.iterdir()) == [path]


def test_new_file_never_replaces_one_nor_follows_a_link(tmp_path: Path) -> None:
    target = tmp_path / "target"
    target.write_bytes(b"precious")
    (tmp_path / "link").symlink_to(target)
    for name in ("target", "link"):
        with pytest.raises(FileExistsError):
            durable.write_new_file(tmp_path / name, b"x")
    assert target.read_bytes() == b"precious"


def test_short_writes_are_continued_to_the_last_byte(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    real_write = os.write
    monkeypatch.setattr(os, "write", lambda descriptor, data: real_write(descriptor, bytes(data[:7])))
    durable.write_file(tmp_path / "photo", bytes(range(100)))
    assert (tmp_path / "photo").read_bytes() == bytes(range(100))


def test_failed_write_leaves_the_old_file_and_no_other(tmp_path: Path) -> None:
    path = tmp_path / "photo"
    durable.write_file(path, b"old")
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (4096, hard))
    try:
        with pytest.raises(OSError, match="File too large"):
            durable.write_file(path, bytes(100_000))
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))
    assert path.read_bytes() == b"old"
    assert list(tmp_path.iterdir()) == [path]


@given(st.lists(st.binary(min_size=1, max_size=30).filter(lambda line: b"\n" not in line), min_size=1, max_size=5))
def test_lines_are_appended_in_order(tmp_path_factory: pytest.TempPathFactory, lines: list[bytes]) -> None:
    path = tmp_path_factory.mktemp("log") / "lines"
    for line in lines:
        durable.append_line(path, line)
    assert path.read_bytes().splitlines() == b"\n".join(lines).splitlines()


def test_torn_line_is_ended_before_the_next(tmp_path: Path) -> None:
    path = tmp_path / "lines"
    path.write_bytes(b"whole\nto")
    durable.append_line(path, b"next")
    assert path.read_bytes() == b"whole\nto\nnext\n"


def test_folders_are_created_down_to_the_last(tmp_path: Path) -> None:
    durable.make_folder(tmp_path / "a" / "b" / "c")
    durable.make_folder(tmp_path / "a" / "b")
    assert (tmp_path / "a" / "b" / "c").is_dir()


def test_folder_goes_with_all_that_is_in_it_and_may_be_gone_already(tmp_path: Path) -> None:
    folder = tmp_path / "capture"
    (folder / "inner").mkdir(parents=True)
    (folder / "inner" / "file").write_bytes(b"x")
    (folder / "last").write_bytes(b"x")
    (tmp_path / "outside").write_bytes(b"precious")
    (folder / "link").symlink_to(tmp_path / "outside")
    durable.remove_folder(folder, "last")
    durable.remove_folder(folder, "last")
    assert [path.name for path in tmp_path.iterdir()] == ["outside"]


def test_folder_is_held_by_one_thread_at_a_time(tmp_path: Path) -> None:
    inside: list[int] = []

    def enter(number: int) -> None:
        with durable.folder_lock(tmp_path):
            inside.append(number)
            assert inside == [number]
            inside.remove(number)

    threads = [threading.Thread(target=enter, args=(number,)) for number in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert inside == []


def test_lock_has_one_holder_and_is_free_after_closing(tmp_path: Path) -> None:
    first, second = durable.FileLock(tmp_path / "lock"), durable.FileLock(tmp_path / "lock")
    assert first.acquire()
    assert not second.acquire(wait_s=0.1)
    first.close()
    first.close()
    assert second.acquire()
    second.close()
