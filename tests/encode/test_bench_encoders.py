"""The codecs' benchmark runs on a small photo and names every codec that is installed."""

import pytest

from tools.bench_encoders import groups, measure, print_table


def test_every_codec_does_its_job_and_is_in_the_table(capsys: pytest.CaptureFixture[str]) -> None:
    for title, jobs in groups(0.05).items():
        print_table(title, measure(jobs, 1))

    printed = capsys.readouterr().out
    for name in ("simplejpeg", "OpenCV", "Pillow", "packshot's PNG", "packshot's WebP", "packshot's exact white"):
        assert f"| {name}" in printed
