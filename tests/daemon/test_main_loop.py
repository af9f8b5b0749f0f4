"""What the main thread meets must not end the service: a full disk, a busy index, a stop at the wrong moment."""

import os
import signal
import sqlite3
import time
from contextlib import ExitStack, suppress
from pathlib import Path
from typing import Any

import pytest

from packshot import daemon, lives
from packshot.config import Config
from packshot.platform.control import Control
from packshot.spool import index, retention
from packshot.spool.limits import Retention, SpoolLimits
from packshot.spool.sqlite_spool import SqliteSpool
from tests.support.disks import small_disk as small_disk
from tests.support.spool import ROOMY, delivered

AT_ONCE = Retention(keep_originals_s=0, keep_receipted_s=0)


def photos(root: Path) -> list[Path]:
    return list(root.rglob("original*"))


def test_a_disk_that_others_filled_is_tidied_when_there_is_room_again(small_disk: Path) -> None:
    spool = SqliteSpool(small_disk / "spool", limits=SpoolLimits(min_free_bytes=0), retention=AT_ONCE)
    delivered(spool, "r1", sku="A-1")
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, suppress(OSError):
        while file.write(bytes(1 << 16)):
            pass
    daemon.tidy(spool)
    assert photos(small_disk)
    filler.unlink()
    daemon.tidy(spool)
    assert not photos(small_disk)
    spool.close()


def test_an_index_that_another_process_holds_is_waited_for(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(index, "BUSY_TIMEOUT_S", 0.2)
    spool = SqliteSpool(tmp_path / "spool", limits=ROOMY, retention=AT_ONCE)
    delivered(spool, "r1", sku="A-1")
    other = sqlite3.connect(tmp_path / "spool" / "index.sqlite", isolation_level=None)
    other.execute("BEGIN IMMEDIATE")
    daemon.tidy(spool)
    assert photos(tmp_path)
    other.execute("ROLLBACK")
    daemon.tidy(spool)
    assert not photos(tmp_path)
    spool.close()


def test_a_capture_that_is_purged_while_it_is_collected_is_gone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    spool = SqliteSpool(tmp_path / "spool", limits=ROOMY, retention=AT_ONCE)
    captures = [delivered(spool, f"r{number}") for number in range(2)]
    tool = SqliteSpool(tmp_path / "spool", limits=ROOMY, owner=False)
    drop = retention._drop

    def drop_slowly(*arguments: Any) -> int:
        freed = drop(*arguments)
        if tool.get(captures[1].capture_id):
            tool.purge(captures[1].capture_id)  # ``packshot spool purge`` beside the daemon
        return freed

    monkeypatch.setattr(retention, "_drop", drop_slowly)
    daemon.tidy(spool)
    daemon.tidy(spool)
    assert not photos(tmp_path)
    tool.close()
    spool.close()


class ShortLife:
    """A daemon that is told to reload as soon as it serves, and to stop while it closes."""

    lives = 0

    def __init__(self, config: Config, control: Control, validate: object, stack: ExitStack) -> None:
        ShortLife.lives += 1
        self._control = control
        stack.callback(self.close)

    def start(self) -> None:
        return

    def serve(self) -> None:
        assert ShortLife.lives == 1, "it serves again, and nobody tells it to stop a second time"
        os.kill(os.getpid(), signal.SIGHUP)
        assert self._control.wait(5)

    def close(self) -> None:
        os.kill(os.getpid(), signal.SIGTERM)
        time.sleep(0.05)


def test_a_stop_that_comes_while_a_reload_closes_the_service_is_a_stop(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setattr(daemon, "_Box", ShortLife)
    config = tmp_path / "packshot.toml"
    config.write_text("")
    assert lives.main(config) == 0
    assert ShortLife.lives == 1
