"""A job that ended the process is counted by the next one."""

from pathlib import Path

import pytest

from packshot.errors import SpoolFull
from packshot.platform.attempts import Attempts


def test_the_count_outlives_the_process(tmp_path: Path) -> None:
    assert [Attempts(tmp_path / "cutting.json").begin("one") for _ in range(3)] == [1, 2, 3]


def test_another_job_or_a_survived_one_begins_anew(tmp_path: Path) -> None:
    attempts = Attempts(tmp_path / "cutting.json")
    attempts.begin("one")
    assert attempts.begin("two") == 1
    attempts.survived()
    assert attempts.begin("two") == 1


def test_a_damaged_note_counts_as_none(tmp_path: Path) -> None:
    for text in ("", "[", '["one"]', '["one", "x"]', "7"):
        (tmp_path / "cutting.json").write_text(text)
        assert Attempts(tmp_path / "cutting.json").begin("one") == 1


def test_a_full_disk_postpones_the_job(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("a file where the folder should be")
    with pytest.raises(SpoolFull, match="make room"):
        Attempts(tmp_path / "file" / "cutting.json").begin("one")
