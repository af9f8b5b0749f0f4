"""The plate outlives a full disk and a power cut: the old one or the new one, never none."""

import contextlib
import errno
import os
from pathlib import Path

import cv2
import numpy as np
import pytest

from packshot.domain import Frame, Shutter, ShutterProof
from packshot.encode.photo import FileDecoder
from packshot.encode.port import DecodeLimits
from packshot.errors import BadImage, SpoolFull
from packshot.plates import PlateShelf
from packshot.platform import durable


class PowerCut(BaseException):
    """Nothing after it happens."""


def frame(value: int) -> Frame:
    data = cv2.imencode(".png", np.full((20, 30, 3), value, np.uint8))[1].tobytes()
    return Frame(data, "image/png", Shutter(ShutterProof.UNKNOWN))


def shelf(folder: Path) -> PlateShelf:
    return PlateShelf(folder, FileDecoder(), DecodeLimits())


def values(shelf: PlateShelf) -> list[int]:
    return [int(photo.pixels.mean()) for photo in shelf.current()]


def test_what_is_kept_is_there_after_a_restart_and_what_is_forgotten_is_not(tmp_path: Path) -> None:
    kept = shelf(tmp_path / "plates")
    assert values(kept) == []
    kept.keep([frame(10), frame(20)])
    assert values(kept) == values(shelf(tmp_path / "plates")) == [10, 20]
    kept.keep([frame(30)])
    assert values(kept) == values(shelf(tmp_path / "plates")) == [30]
    kept.forget()
    assert values(kept) == values(shelf(tmp_path / "plates")) == []
    assert list((tmp_path / "plates").iterdir()) == []


def test_what_is_no_picture_leaves_the_former_plate(tmp_path: Path) -> None:
    kept = shelf(tmp_path)
    kept.keep([frame(10)])
    with pytest.raises(BadImage):
        kept.keep([Frame(b"no picture", "image/png", Shutter(ShutterProof.UNKNOWN))])
    assert values(kept) == values(shelf(tmp_path)) == [10]


@pytest.mark.parametrize("written", [0, 1])
def test_plates_for_which_there_is_no_room_leave_the_former_ones(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, written: int
) -> None:
    kept = shelf(tmp_path)
    kept.keep([frame(10), frame(20)])
    write, files = durable.write_new_file, []

    def until_full(path: Path, data: bytes, mode: int = durable.FILE_MODE) -> None:
        if len(files) == written:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        files.append(path)
        write(path, data, mode)

    monkeypatch.setattr(durable, "write_new_file", until_full)
    with pytest.raises(SpoolFull, match="No space left"):
        kept.keep([frame(110), frame(120)])
    assert values(kept) == values(shelf(tmp_path)) == [10, 20]
    assert len(list(tmp_path.iterdir())) == 2


def test_a_power_cut_leaves_former_or_new_plates_and_no_mixture(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    seen = set()
    for moment in range(9):
        folder = tmp_path / str(moment)
        shelf(folder).keep([frame(10), frame(20)])
        with monkeypatch.context() as patched:
            cut_at(moment, patched)
            with contextlib.suppress(PowerCut):
                shelf(folder).keep([frame(110), frame(120)])
        seen.add(tuple(values(shelf(folder))))
    assert seen == {(10, 20), (10,), (110,), (110, 120)}


def cut_at(moment: int, patched: pytest.MonkeyPatch) -> None:
    """The power goes before so many calls that change the disk, and nothing is tidied up."""
    left = [moment]

    def before(call: object) -> object:
        def cut(*arguments: object, **options: object) -> object:
            left[0] -= 1
            if left[0] < 0:
                raise PowerCut
            return call(*arguments, **options)

        return cut

    for name in ("rename", "unlink"):
        patched.setattr(Path, name, before(getattr(Path, name)))
    patched.setattr(durable, "write_new_file", before(durable.write_new_file))
