"""Scenes: a picture that moves, and a capture that is what was seen."""

import time
from pathlib import Path

import numpy as np
import pytest

from packshot.camera.scenes import FRAMES_PER_S, ScenesCamera
from packshot.camera.stills import encode_jpeg
from packshot.errors import CameraError
from tests.fakes.mjpeg import number_in, stamped


class Clock:
    """Time that passes when it is told to."""

    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now

    def frames(self, count: int) -> None:
        self.now += count / FRAMES_PER_S


def scene(folder: Path, name: str, numbers: range) -> None:
    (folder / name).mkdir(parents=True)
    for number in numbers:
        (folder / name / f"{number:03}.jpg").write_bytes(encode_jpeg(stamped(number)))


def shown(camera: ScenesCamera) -> int:
    picture = camera.preview()
    assert picture is not None
    return number_in(np.ascontiguousarray(picture[..., ::-1]))


def test_the_picture_moves_to_and_fro_by_the_clock(tmp_path: Path) -> None:
    scene(tmp_path, "one", range(1, 4))
    clock = Clock()
    camera = ScenesCamera(tmp_path, clock)
    seen = []
    for _ in range(6):
        seen.append(shown(camera))
        clock.frames(1)
    assert seen == [1, 2, 3, 2, 1, 2]


def test_a_capture_is_the_frame_that_was_shown_and_the_next_scene_follows(tmp_path: Path) -> None:
    scene(tmp_path, "one", range(1, 4))
    scene(tmp_path, "two", range(11, 12))
    clock = Clock()
    camera = ScenesCamera(tmp_path, clock)
    clock.frames(2)
    before = shown(camera)
    frame = camera.capture(time.monotonic(), 1.0)
    assert frame.data == (tmp_path / "one" / f"{before:03}.jpg").read_bytes()
    assert shown(camera) == 11


def test_an_empty_folder_is_a_problem_that_says_what_to_do(tmp_path: Path) -> None:
    camera = ScenesCamera(tmp_path)
    assert camera.preview() is None
    with pytest.raises(CameraError, match="put folders of photos there"):
        camera.capture(time.monotonic(), 1.0)
    assert camera.problem
