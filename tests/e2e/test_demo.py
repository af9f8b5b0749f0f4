"""The demo proves itself, with mosquitto and without."""

import hashlib
import re
from pathlib import Path

import pytest

from packshot.demo import broker
from packshot.demo.show import run_demo
from packshot.errors import UsageError

pytestmark = pytest.mark.e2e


def test_five_orders_end_in_the_storefront_and_on_the_contact_sheet(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folder = tmp_path / "demo"
    assert run_demo(folder, "web") == 0
    printed = capsys.readouterr().out
    assert "5 of 5 captures receipted" in printed
    sidecars = list((folder / "storefront").glob("*/*.packshot.json"))
    assert len(sidecars) == 5
    for sidecar in sidecars:
        digests = set(re.findall(r"[0-9a-f]{64}", sidecar.read_text()))
        stored = {hashlib.sha256(file.read_bytes()).hexdigest() for file in sidecar.parent.iterdir()}
        assert digests
        assert digests <= stored
    sheet = (folder / "contact-sheet.html").read_text()
    assert sheet.count("<img") == 25
    assert "http" not in sheet


def test_without_mosquitto_amqtt_takes_its_place_and_the_demo_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(broker, "PLACES", ("no-such-mosquitto",))
    assert run_demo(tmp_path / "demo", "web") == 0
    assert "amqtt" in capsys.readouterr().out


def test_a_folder_with_other_things_in_it_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.txt").write_text("years of work")
    with pytest.raises(UsageError, match="not empty"):
        run_demo(tmp_path, "web")
    assert [file.name for file in tmp_path.iterdir()] == ["thesis.txt"]
