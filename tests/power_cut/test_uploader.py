"""The uploader between offer and receipt: killed, failed and out of power at every call, and once in the shop."""

import shutil
import signal
from functools import partial
from pathlib import Path

import pytest

from packshot.storefront.ledger import Ledger, State
from packshot.storefront.targets.folder import FolderTarget
from packshot.storefront.targets.naming import SIDECAR
from tests.power_cut.delivery import FORMER, NEWER, NOT_DELIVERED, deliver, key, newer, pictures
from tests.power_cut.disk import Disk, Loss
from tests.power_cut.test_power_cut import losses
from tests.power_cut.trace import Ended, Moment, logged, moments, needs_strace, parse, run

pytestmark = [needs_strace, pytest.mark.faults, pytest.mark.slow]

FIRST, RETAKE = [NEWER], [FORMER, NEWER]
CASES = {"first take": FIRST, "retake": RETAKE}
ERRORS = {"first-EIO": (FIRST, "EIO"), "first-ENOSPC": (FIRST, "ENOSPC"), "retake-EROFS": (RETAKE, "EROFS")}
each_case = pytest.mark.parametrize("takes", CASES.values(), ids=CASES)


@pytest.fixture
def prepared(takes: list[int], memory: Path) -> Path:
    """The uploader's disk before the take that the test is about."""
    root = memory / "prepared"
    shutil.rmtree(root, ignore_errors=True)
    root.mkdir()
    for take in takes[:-1]:
        assert run(partial(deliver, root, take)).code == 0
    return root


@pytest.fixture
def log(prepared: Path, memory: Path) -> str:
    """Every call of a delivery that nothing disturbs."""
    return logged(partial(newer, fresh(prepared)), memory / "clean.log")


def fresh(prepared: Path) -> Path:
    root = prepared.with_name("run")
    shutil.rmtree(root, ignore_errors=True)
    shutil.copytree(prepared, root)
    return root


def hit(prepared: Path, moment: Moment, fault: str) -> tuple[Path, Ended]:
    root, log = fresh(prepared), prepared.with_name("injected.log")
    inject = f"inject={moment.call}:{fault}:when={moment.number}"
    done = run(partial(newer, root), "-o", str(log), "-e", f"trace={moment.call}", "-e", inject)
    assert any(mark in log.read_text() for mark in ("INJECTED", "killed by SIGKILL")), f"{moment} was not reached"
    return root, done


def in_shop(root: Path, take: int) -> bool:
    """Whether the shop has that take, whole."""
    return FolderTarget(str(root / "shop")).find(key(take)) is not None


def recorded(root: Path) -> bool:
    ledger = Ledger(root / "work" / "ledger.sqlite")
    try:
        entry = ledger.find(key(NEWER))
        return entry is not None and entry.state is State.STORED
    finally:
        ledger.close()


def check_promises(root: Path, acknowledged: bool, takes: list[int]) -> None:
    """What holds at any moment: a record or receipt only with the picture, and no former picture lost."""
    shown = root / "shop" / "A-1" / "A-1_0.webp"
    if shown.exists():
        assert shown.read_bytes() in [pictures(take)["picture.webp"] for take in takes], "half a picture on show"
    assert not acknowledged or recorded(root), "a receipt without a record"
    assert not recorded(root) or in_shop(root, NEWER), "a record without the picture"
    if FORMER in takes:
        assert in_shop(root, FORMER)


def check_delivers(root: Path, takes: list[int]) -> None:
    """When the offer is repeated all ends well: every take once, the newest on show, nothing left behind."""
    done = run(partial(newer, root))
    assert done.code == 0, done.stdout.decode() + done.stderr.decode()
    check_promises(root, acknowledged=True, takes=takes)
    assert (root / "shop" / "A-1" / "A-1_0.webp").read_bytes() == pictures(NEWER)["picture.webp"]
    sidecars = [path for path in (root / "shop").rglob(f"*{SIDECAR}") if ".incoming" not in path.parts]
    assert len(sidecars) == len(takes)


@each_case
def test_killed_at_every_call_it_delivers_once(log: str, prepared: Path, takes: list[int]) -> None:
    hits = moments(log)
    assert len(hits) > 30
    for moment in hits:
        root, done = hit(prepared, moment, "signal=KILL")
        assert done.code == -signal.SIGKILL
        check_promises(root, b"ack" in done.stdout, takes)
        check_delivers(root, takes)


@pytest.mark.parametrize("takes, error", ERRORS.values(), ids=ERRORS)
def test_an_error_at_any_call_is_no_receipt_for_what_is_not_there(
    log: str, prepared: Path, takes: list[int], error: str
) -> None:
    for moment in moments(log)[:-1]:
        root, done = hit(prepared, moment, f"error={error}")
        assert done.code in (0, NOT_DELIVERED), (moment, done.stdout.decode(), done.stderr.decode())
        assert (b"ack" in done.stdout) == (done.code == 0), moment
        check_promises(root, b"ack" in done.stdout, takes)
        check_delivers(root, takes)


@each_case
def test_a_power_cut_at_every_call_leaves_the_record_only_with_the_picture(
    log: str, prepared: Path, takes: list[int], memory: Path
) -> None:
    root, acknowledged = prepared.with_name("run"), False
    calls, disk = list(parse(log)), Disk.of(fresh(prepared))
    for point, call in enumerate(calls):
        disk.do(call)
        acknowledged = acknowledged or (call.path == Path("/dev/stdout") and b"ack" in call.data)
        if not call.path.is_relative_to(root):
            continue
        for loss, seed in losses(point):
            image = memory / "image"
            shutil.rmtree(image, ignore_errors=True)
            disk.after_power_cut(image, loss, seed)
            check_promises(image, acknowledged, takes)
            if loss is Loss.SOME and seed % 3 == 0:
                check_delivers(image, takes)
    assert acknowledged
