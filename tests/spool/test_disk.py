"""Disks that are full, read-only or not ours."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

from packshot.domain import Stage
from packshot.errors import EXIT_SPOOL, SpoolError, SpoolFull
from packshot.spool.limits import SpoolLimits
from packshot.spool.sqlite_spool import SqliteSpool
from tests.support.disks import mount
from tests.support.disks import small_disk as small_disk
from tests.support.spool import a_cut, a_frame, a_request, delivered, files_below, in_stage, receipt_for

NO_LIMITS = SpoolLimits(min_free_bytes=0, artefact_factor=0.0)
MEGABYTE = bytes(1 << 20)


@pytest.mark.parametrize("slack_kib", [0, 4, 8, 16, 64])
def test_photo_that_fits_but_its_record_or_row_does_not_leaves_nothing_behind(small_disk: Path, slack_kib: int) -> None:
    """The last pages of the disk run out in the photo, the sidecar or the index, where a raw write stops short."""
    spool = SqliteSpool(small_disk / "spool", limits=NO_LIMITS)
    first = spool.accept(a_request("r1"), [a_frame(MEGABYTE)])
    free = os.statvfs(small_disk).f_bavail * os.statvfs(small_disk).f_frsize
    photo = bytes(free - slack_kib * 1024)
    try:
        second = [spool.accept(a_request("r2"), [a_frame(photo)])]
    except SpoolFull as error:
        assert error.exit_code == EXIT_SPOOL
        assert "disk is full" in str(error)
        assert len(files_below(small_disk / "spool")) == 2
        assert spool.find_request("r2") is None
        second = []
    assert bool(second) == (slack_kib == 64)
    assert spool.captures() == [first, *second]
    assert spool.read(first.capture_id, "original.jpg") == MEGABYTE
    assert spool.check() == []
    spool.close()


def test_photo_that_fits_is_taken_after_one_that_did_not(small_disk: Path) -> None:
    spool = SqliteSpool(small_disk / "spool", limits=NO_LIMITS)
    with pytest.raises(SpoolFull):
        spool.accept(a_request("large"), [a_frame(8 * MEGABYTE)])
    assert spool.accept(a_request("small"), [a_frame()]).stage is Stage.ACCEPTED
    assert spool.check() == []
    spool.close()


def test_cutout_that_does_not_fit_leaves_the_capture_as_it_was(small_disk: Path) -> None:
    spool = SqliteSpool(small_disk / "spool", limits=NO_LIMITS)
    capture = spool.accept(a_request(), [a_frame()])
    before = files_below(small_disk / "spool")
    with pytest.raises(SpoolFull):
        spool.store_cut(capture.capture_id, a_cut(5 * MEGABYTE))
    assert spool.get(capture.capture_id) == capture
    assert files_below(small_disk / "spool") == before
    assert spool.store_cut(capture.capture_id, a_cut()).stage is Stage.CUT
    assert spool.check() == []
    spool.close()


def test_delivered_pictures_make_way_for_a_new_one(small_disk: Path) -> None:
    limits = SpoolLimits(min_free_bytes=1 << 20, artefact_factor=0.0)
    spool = SqliteSpool(small_disk / "spool", limits=limits)
    old = [delivered(spool, f"old-{number}") for number in range(2)]
    big = spool.accept(a_request("big"), [a_frame(2 * MEGABYTE)])
    spool.record_receipt(big.capture_id, receipt_for(spool.store_cut(big.capture_id, a_cut())))
    spool.accept(a_request("new"), [a_frame(2 * MEGABYTE)])
    for capture in (*old, big):
        kept = spool.get(capture.capture_id)
        assert kept is not None and kept.stage is Stage.RECEIPTED
        assert not (small_disk / "spool" / "captures" / capture.capture_id).exists()
    spool.close()


def test_read_only_disk_is_refused_with_one_line_and_left_as_it_is(small_disk: Path) -> None:
    spool = SqliteSpool(small_disk / "spool", limits=NO_LIMITS)
    capture = in_stage(spool, Stage.CUT)
    spool.close()
    assert mount("-o", "remount,ro", str(small_disk))
    for owner in (True, False):
        with pytest.raises(SpoolError, match="not writable") as refused:
            SqliteSpool(small_disk / "spool", limits=NO_LIMITS, owner=owner)
        assert "\n" not in str(refused.value)
    assert mount("-o", "remount,rw", str(small_disk))
    spool = SqliteSpool(small_disk / "spool", limits=NO_LIMITS)
    assert spool.captures() == [capture]
    assert spool.check() == []
    spool.close()


def test_spool_on_a_full_disk_says_so_and_opens_when_there_is_room(small_disk: Path) -> None:
    spool = SqliteSpool(small_disk / "spool", limits=NO_LIMITS)
    capture = delivered(spool, "r1")
    spool.close()
    filler = small_disk / "filler"
    with filler.open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while file.write(MEGABYTE) == len(MEGABYTE):
            pass
        file.write(MEGABYTE)
    with pytest.raises(SpoolError, match="disk is full"):
        SqliteSpool(small_disk / "spool", limits=NO_LIMITS)
    filler.unlink()
    spool = SqliteSpool(small_disk / "spool", limits=NO_LIMITS)
    assert spool.captures() == [capture]
    spool.close()


OPEN_AS_NOBODY = """
import os, sys
from pathlib import Path
from packshot.errors import SpoolError
from packshot.spool.sqlite_spool import SqliteSpool
os.setgid(65534)
os.setuid(65534)
try:
    SqliteSpool(Path(sys.argv[1]), owner=sys.argv[2] == "owner")
except SpoolError as error:
    print(error)
    sys.exit(error.exit_code)
"""


@pytest.mark.skipif(os.geteuid() != 0, reason="becoming another user needs root")
@pytest.mark.parametrize("role", ["owner", "tool"])
def test_folder_of_another_user_is_refused_with_one_line(root: Path, role: str) -> None:
    SqliteSpool(root).close()
    root.parent.chmod(0o755)
    command = [sys.executable, "-c", OPEN_AS_NOBODY, str(root), role]
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join(path for path in sys.path if path)}
    done = subprocess.run(command, capture_output=True, text=True, env=environment)
    assert done.returncode == EXIT_SPOOL, done.stderr
    assert "not writable" in done.stdout and done.stdout.count("\n") == 1


@pytest.mark.skipif(os.geteuid() != 0, reason="giving files away needs root")
def test_what_root_writes_belongs_to_the_owner_of_the_spool(root: Path) -> None:
    root.mkdir()
    os.chown(root, 65534, 65534)
    spool = SqliteSpool(root)
    capture = in_stage(spool, Stage.HELD)
    spool.close()
    tool = SqliteSpool(root, owner=False)
    tool.advance(capture.capture_id, Stage.REFUSED, "by root")
    tool.purge(capture.capture_id)
    in_use = {path.relative_to(root).parts[0] for path in root.rglob("*") if path.stat().st_uid != 65534}
    tool.close()
    assert in_use == set()
