"""Slots built for real: venv and pip, from a tiny wheelhouse, without a network."""

import dataclasses
import subprocess
from pathlib import Path

import pytest

from packshot.update.builder import VenvBuilder
from packshot.update.problems import UpdateRefused, UpdateUnhealthy
from packshot.update.state import Phase
from tests.update.house import House
from tests.update.signing import SignedRepository
from tests.update.wheels import wheelhouse


@pytest.fixture
def real(house: House) -> House:
    """The box with the real builder; the daemon is still played."""
    house.box = dataclasses.replace(house.box, builder=VenvBuilder(house.layout.memory / "scratch"))
    return house


def offer(repository: SignedRepository, wheels: dict[str, bytes]) -> None:
    repository.release("0.2.0", 2, wheels=wheels)
    repository.publish()


def test_a_slot_is_an_environment_of_its_own_that_works(real: House, repository: SignedRepository) -> None:
    offer(repository, wheelhouse("0.2.0"))
    assert real.install(repository.folder).word == "committed"
    slot = real.layout.releases / "0.2.0"
    done = subprocess.run([slot / "bin/packshot", "selftest", "--part=spool"], capture_output=True, text=True)
    assert done.stdout == '{"part": "spool", "ok": true, "text": "thirty centimetres"}\n'
    assert sorted(path.name for path in slot.glob("[.drm]*")) == [
        ".complete",
        "documents",
        "manifest.json",
        "release.json",
    ]
    assert not (slot / "bin/pip").exists()


def test_a_release_that_fails_its_selftest_is_not_switched_to(real: House, repository: SignedRepository) -> None:
    offer(repository, wheelhouse("0.2.0", broken=("accelerator",)))
    with pytest.raises(UpdateUnhealthy, match="failed its test before the switch: accelerator"):
        real.install(repository.folder)
    assert real.runs == real.points_to == "0.1.0"


def test_a_release_that_fails_with_the_devices_is_taken_back(real: House, repository: SignedRepository) -> None:
    old = real.layout.releases / "0.1.0"
    offer(repository, wheelhouse("0.2.0", broken=("camera",)))
    (old / "bin").mkdir()
    program = '#!/bin/sh\nfor part; do echo "{\\"part\\": \\"${part#--part=}\\", \\"ok\\": true}"; done\n'
    (old / "bin/packshot").write_text(program)
    (old / "bin/packshot").chmod(0o755)
    result = real.install(repository.folder)
    assert result.word == "rolled-back"
    assert "camera" in result.text


def test_a_bundle_that_lacks_a_dependency_is_refused(real: House, repository: SignedRepository) -> None:
    wheels = {name: data for name, data in wheelhouse("0.2.0").items() if "ruler" not in name}
    offer(repository, wheels)
    with pytest.raises(UpdateRefused, match=r"its packages cannot be built: .*ruler"):
        real.install(repository.folder)
    assert not (real.layout.releases / "0.2.0").exists()


def test_a_wheel_for_another_machine_is_refused(real: House, repository: SignedRepository) -> None:
    offer(repository, wheelhouse("0.2.0", tag="cp39-cp39-manylinux_2_17_s390x"))
    with pytest.raises(UpdateRefused, match="not a supported wheel"):
        real.install(repository.folder)


def test_a_wheel_that_is_none_is_refused(real: House, repository: SignedRepository) -> None:
    offer(repository, {**wheelhouse("0.2.0"), "ruler-1.0-py3-none-any.whl": b"not a zip"})
    with pytest.raises(UpdateRefused, match="its packages cannot be built"):
        real.install(repository.folder)
    assert real.runs == "0.1.0"


def test_what_an_interrupted_attempt_left_is_built_anew(real: House, repository: SignedRepository) -> None:
    offer(repository, wheelhouse("0.2.0"))
    half = real.layout.releases / "0.2.0"
    (half / "lib/python3").mkdir(parents=True)
    (half / "lib/python3/rubbish.py").write_text("")
    assert real.install(repository.folder).word == "committed"
    assert not list(half.rglob("rubbish.py"))


def test_what_is_no_slot_stops_no_update_and_is_left_alone(
    house: House, repository: SignedRepository, tmp_path: Path
) -> None:
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / ".complete").write_text("")
    (house.layout.releases / "notes.txt").write_text("an operator's")
    (house.layout.releases / "link").symlink_to(elsewhere)
    assert house.install(repository.folder).word == "committed"
    assert house.box.states.load().phase is Phase.IDLE
    assert sorted(path.name for path in house.layout.releases.iterdir()) == ["0.1.0", "0.2.0", "link", "notes.txt"]
    assert (elsewhere / ".complete").exists()


def test_a_selftest_that_hangs_or_says_nothing_is_a_failed_one(tmp_path: Path) -> None:
    builder = VenvBuilder(tmp_path / "scratch")
    program = tmp_path / "bin/packshot"
    program.parent.mkdir()
    program.write_text("#!/bin/sh\necho 'the model is damaged' >&2\nexit 2\n")
    program.chmod(0o755)
    (part,) = builder.selftest(tmp_path, ["accelerator"], calm=True)
    assert not part.ok
    assert "the model is damaged" in part.text
    assert builder.answers(tmp_path, "update", "selfcheck") == "the model is damaged"
    program.unlink()
    (part,) = builder.selftest(tmp_path, ["accelerator"], calm=True)
    assert not part.ok
