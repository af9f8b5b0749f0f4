"""Three hundred boxes with the real state machine: a bad release reaches three of them, however it is rolled out.

Push is what the playbook does (``deploy/ansible``): waves of 1, 2, 2 %, 10 %, 50 % and all, and after each the boxes
that are committed on the new version are counted; silence is failure. Pull is what the timer does: each box asks by
itself, and the signed channel says for whom the release is.
"""

import hashlib
import math
import random
import shutil
import tempfile
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import pytest

from packshot.update.install import Result, Wish
from packshot.update.manifest import (
    Channel,
    ChannelRelease,
    File,
    Manifest,
    Rollout,
    UpdaterPart,
    encode,
    ring_place,
)
from packshot.update.problems import UpdateUnhealthy
from tests.update.house import Behaviour, House, OneRelease, committed_on
from tests.update.signing import BUILT_AT, PLATFORM

BOXES = 300
WAVES = (1, 2, "2%", "10%", "50%", "100%")
CANARIES, REQUIRED_SHARE = 3, 0.95  # the role's update_canaries and update_required_percent
WHEEL = b"the wheel"
DIGEST = hashlib.sha256(WHEEL).hexdigest()
BAD = {
    "model broken": Behaviour(broken=frozenset({"accelerator"})),
    "never READY": Behaviour(ready=False),
    "hangs after READY": Behaviour(crashes_after_s=35.0),
    "crashes after a minute": Behaviour(crashes_after_s=60.0),
    "loses the broker": Behaviour(ill=frozenset({"broker"})),
}


class Fleet:
    """Boxes with 0.1.0, one release 0.2.0, and what a controller can do."""

    def __init__(self, folder: Path, behaviour: Behaviour, bad_share: float = 1.0) -> None:
        chance = random.Random(1)
        self.rollout = Rollout(percent=100)
        self.boxes: list[House] = []
        for number in range(BOXES):
            bad = {"0.2.0": behaviour} if chance.random() < bad_share else {}
            name = f"shop-{number:03}"
            house = House(folder / name, bad, device_id=name, table={"probation_s": 120})
            house.lay("0.1.0")
            self.boxes.append(house)
        self.offline: set[str] = set()

    def update(self, house: House, any_ring: bool) -> Result | None:
        """``packshot update install`` on one box; None where the box is not there or its release was taken back."""
        if house.device_id in self.offline:
            return None
        try:
            return house.install(lambda: self.repository(house), Wish(any_ring=any_ring))
        except UpdateUnhealthy:
            return None

    def repository(self, house: House) -> OneRelease:
        file = File("files/wheel", "packshot-0.2.0-py3-none-any.whl", DIGEST, len(WHEEL))
        manifest = Manifest(1, "0.2.0", 2, PLATFORM, BUILT_AT, "", (file,), UpdaterPart("0.2.0", ()))
        entry = ChannelRelease("0.2.0", 2, {PLATFORM: "manifest"}, self.rollout)
        documents = {
            "channels/stable.json": encode(Channel(1, "stable", (entry,))),
            "manifest": encode(manifest),
        }
        return OneRelease(house.layout, documents, {"files/wheel": WHEEL})

    def reached(self) -> int:
        """How many boxes ever ran the new release."""
        events = ([event["event"] for event in house.box.states.history()] for house in self.boxes)
        return sum("switched" in names for names in events)

    def committed(self) -> int:
        return sum(committed_on(house, "0.2.0") for house in self.boxes)

    def serving(self) -> int:
        return sum(bool(house.runs) and house.runs == house.points_to for house in self.boxes)


def waves(boxes: Sequence[House]) -> Iterator[Sequence[House]]:
    done = 0
    for size in WAVES:
        count = int(size[:-1]) * BOXES // 100 if isinstance(size, str) else size
        yield boxes[done : done + count]
        done += count
        if done >= BOXES:
            return


def push(fleet: Fleet) -> None:
    """The playbook: the next wave begins only if of this one all canaries, or 95 % of the others, are committed."""
    done = 0
    for wave in waves(fleet.boxes):
        for house in wave:
            fleet.update(house, any_ring=True)
        needed = len(wave) if done < CANARIES else math.ceil(len(wave) * REQUIRED_SHARE)
        if sum(house.device_id not in fleet.offline and committed_on(house, "0.2.0") for house in wave) < needed:
            return
        done += len(wave)


def pull(fleet: Fleet) -> None:
    """Canaries, then a growing share; the signer goes on only if all that were asked are committed."""
    canaries = tuple(house.device_id for house in fleet.boxes[:3])
    for percent in (0.0, 2.0, 10.0, 50.0, 100.0):
        fleet.rollout = Rollout(percent, canaries)
        for house in fleet.boxes:
            fleet.update(house, any_ring=False)
        asked = [h for h in fleet.boxes if h.device_id in canaries or ring_place(h.device_id) < percent]
        if not all(committed_on(house, "0.2.0") for house in asked):
            return


@pytest.fixture
def folder() -> Iterator[Path]:
    base = Path("/dev/shm")
    made = tempfile.mkdtemp(dir=base if base.is_dir() else None)
    yield Path(made)
    shutil.rmtree(made)


each_way = pytest.mark.parametrize("roll_out", [push, pull])


@each_way
@pytest.mark.parametrize("behaviour", BAD.values(), ids=BAD.keys())
def test_a_bad_release_reaches_at_most_three_of_three_hundred(
    folder: Path, behaviour: Behaviour, roll_out: Callable[[Fleet], None]
) -> None:
    fleet = Fleet(folder, behaviour)
    roll_out(fleet)
    assert fleet.reached() <= 3
    assert fleet.committed() == 0
    assert fleet.serving() == BOXES


@each_way
def test_a_good_release_reaches_all(folder: Path, roll_out: Callable[[Fleet], None]) -> None:
    fleet = Fleet(folder, Behaviour())
    roll_out(fleet)
    assert fleet.committed() == fleet.serving() == BOXES


def test_a_release_that_is_bad_on_some_boxes_is_stopped_by_the_first_it_meets(folder: Path) -> None:
    """One box in ten has the hardware it fails on: no canary among them, so the gates after them have to stop it."""
    fleet = Fleet(folder, BAD["crashes after a minute"], bad_share=0.1)
    push(fleet)
    assert fleet.committed() <= 0.13 * BOXES
    assert fleet.serving() == BOXES


def test_boxes_that_are_silent_stop_the_wave(folder: Path) -> None:
    fleet = Fleet(folder, Behaviour())
    fleet.offline = {fleet.boxes[1].device_id}
    push(fleet)
    assert fleet.committed() == 2
    fleet.offline = set()
    push(fleet)
    assert fleet.committed() == BOXES


def test_places_in_the_ring_are_spread_evenly() -> None:
    places = [ring_place(f"shop-{number}") for number in range(2000)]
    for percent in (1, 10, 50):
        assert sum(place < percent for place in places) / 2000 == pytest.approx(percent / 100, abs=0.02)
