"""What the daemon does for updates: shows the updater's state, hands on the wish, keeps captures from being cut off."""

import json
import os
import threading
import time
from pathlib import Path

import msgspec
import pytest

from packshot import __version__
from packshot.bus.port import Incoming
from packshot.errors import RetryLater
from packshot.platform.clock import SystemClock
from packshot.platform.durable import FileLock
from packshot.platform.runtime import RuntimeFolder
from packshot.update.layout import Layout
from packshot.update.problems import UpdateBusy
from packshot.update.service import SystemdService
from packshot.update.state import Phase, Progress, State, StateFile
from packshot.updates import UpdatePanel, update_state
from tests.fakes.bus import MemoryBus

ROOT = "packshot/shop-1"


@pytest.fixture
def bus() -> MemoryBus:
    return MemoryBus()


@pytest.fixture
def run(tmp_path: Path) -> Path:
    folder = tmp_path / "run/packshot"
    folder.mkdir(parents=True)
    return folder


def test_a_box_that_was_never_updated_is_up_to_date(bus: MemoryBus, tmp_path: Path) -> None:
    UpdatePanel(bus, ROOT, RuntimeFolder(None), Layout(tmp_path)).on_connected()
    (message,) = bus.sent
    said = json.loads(message.payload)
    assert message.topic == f"{ROOT}/update/state"
    assert said["installed_version"] == said["latest_version"] == __version__
    assert said["in_progress"] is False


def test_every_connect_says_it_again(bus: MemoryBus, tmp_path: Path) -> None:
    panel = UpdatePanel(bus, ROOT, RuntimeFolder(None), Layout(tmp_path))
    panel.on_connected()
    panel.on_connected()
    assert len(bus.sent) == 2


def test_an_update_on_its_way_shows_its_share() -> None:
    said = update_state(State(phase=Phase.FETCH, latest="9.0.0", progress=Progress(50, 200)))
    assert (said["latest_version"], said["in_progress"], said["update_percentage"]) == ("9.0.0", True, 25)


def test_a_damaged_state_file_is_no_reason_to_be_silent(bus: MemoryBus, tmp_path: Path) -> None:
    Layout(tmp_path).memory.mkdir(parents=True)
    Layout(tmp_path).state.write_bytes(b"\0\0")
    UpdatePanel(bus, ROOT, RuntimeFolder(None), Layout(tmp_path)).on_connected()
    assert json.loads(bus.sent[0].payload)["latest_version"] == __version__


def test_an_update_that_nobody_is_at_any_more_is_not_in_progress(bus: MemoryBus, tmp_path: Path) -> None:
    states = StateFile(Layout(tmp_path), SystemClock())
    states.prepare()
    states.set(phase=Phase.FETCH)
    UpdatePanel(bus, ROOT, RuntimeFolder(None), Layout(tmp_path)).on_connected()
    assert json.loads(bus.sent[0].payload)["in_progress"] is False
    lock = FileLock(Layout(tmp_path).lock)
    lock.acquire()
    UpdatePanel(bus, ROOT, RuntimeFolder(None), Layout(tmp_path)).on_connected()
    assert json.loads(bus.sent[1].payload)["in_progress"] is True
    lock.close()


@pytest.mark.parametrize(("payload", "retained", "asks"), [(b"install", 0, 1), (b"install", 1, 0), (b"reboot", 0, 0)])
def test_only_a_fresh_install_is_handed_on(
    bus: MemoryBus, run: Path, payload: bytes, retained: bool, asks: bool
) -> None:
    UpdatePanel(bus, ROOT, RuntimeFolder(run)).start()
    bus.handlers[f"{ROOT}/update/cmd"](Incoming(f"{ROOT}/update/cmd", payload, retain=bool(retained)))
    assert (run / "update-request").exists() == bool(asks)


def test_the_updater_waits_for_the_capture_in_hand(run: Path, tmp_path: Path) -> None:
    service, runtime = SystemdService(Layout(tmp_path)), RuntimeFolder(run)
    entered, leave = threading.Event(), threading.Event()

    def capture() -> None:
        with runtime.capture_in_hand():
            entered.set()
            leave.wait(10)

    thread = threading.Thread(target=capture)
    thread.start()
    entered.wait(10)
    with pytest.raises(UpdateBusy, match="captures were in hand"), service.between_captures(0.2):
        pytest.fail("between captures while one is in hand")
    leave.set()
    thread.join()
    with service.between_captures(5):
        pass


def test_a_capture_is_refused_while_the_updater_stops_the_daemon(run: Path, tmp_path: Path) -> None:
    runtime = RuntimeFolder(run)
    with runtime.capture_in_hand():
        pass
    with (
        SystemdService(Layout(tmp_path)).between_captures(1),
        pytest.raises(RetryLater, match="repeat the request"),
        runtime.capture_in_hand(),
    ):
        pytest.fail("a capture began")


def test_two_captures_do_not_wait_for_each_other(run: Path) -> None:
    runtime = RuntimeFolder(run)
    began = time.monotonic()
    with runtime.capture_in_hand(), runtime.capture_in_hand():
        assert time.monotonic() >= began


def test_the_health_gate_reads_what_the_daemon_keeps(run: Path, tmp_path: Path) -> None:
    RuntimeFolder(run).keep_state({"version": "1.0", "pid": 7, "engine": "edgetpu", "degraded": ["camera: gone"]})
    said = SystemdService(Layout(tmp_path)).daemon_state()
    assert said is not None
    assert (said.version, said.pid, said.engine, set(said.ill)) == ("1.0", 7, "edgetpu", {"camera"})


def test_without_a_runtime_folder_nothing_is_written_and_captures_go_on() -> None:
    runtime = RuntimeFolder.of({})
    runtime.keep_state({"pid": 1})
    assert not runtime.request_update()
    with runtime.capture_in_hand():
        pass
    assert msgspec.json.encode(update_state(State()))


@pytest.mark.parametrize("trick", ["fifo", "symlink", "folder", "garbage"])
def test_a_daemon_that_was_taken_over_cannot_trick_the_updater_with_its_state(
    run: Path, tmp_path: Path, trick: str
) -> None:
    state = run / "state.json"
    if trick == "fifo":
        os.mkfifo(state)
    elif trick == "symlink":
        state.symlink_to("/etc/passwd")
    elif trick == "folder":
        state.mkdir()
    else:
        state.write_bytes(b"\xff" * 100)
    assert SystemdService(Layout(tmp_path)).daemon_state() is None
