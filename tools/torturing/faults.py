"""One recipe per crash point: order captures, let it happen, say which points were really hit."""

import os
import shutil
import time
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

from tools.torturing.aim import Aim, path_hit, point_hit
from tools.torturing.calls import Shot, Tracer
from tools.torturing.house import DAEMON, House
from tools.torturing.judge import under_way
from tools.torturing.points import POINTS, Victim
from tools.torturing.till import Order

Hits = list[str]
REHEARSALS = 3
SHOT_S = 2.5  # a shot that has not hit by then has missed
LULL_S = 0.5  # what is still going on would draw the fire
OUTAGE_S = (1.5, 3.0)
SMALL_MESSAGE = 12_000  # smaller than the parts that the box begins with, larger than the smallest it tries
SHRINK_S = 20.0  # how long finding out that a broker takes small messages only may last


@dataclass
class Torturer:
    """A house and what has been learned about hitting it."""

    house: House
    aim: Aim = field(default_factory=Aim)
    shots: int = 0

    def rehearse(self) -> None:
        """Watch one uploader and the daemon work, with as many orders as the shots will have."""
        for victim, name in ((Victim.DAEMON, DAEMON), (Victim.UPLOADER, self.house.uploaders[0])):
            for _ in range(REHEARSALS):
                log = self._log(name)
                with Tracer(self.house.pid(name), log):
                    self._deliver(self._burst(victim, retakes=True))
                self.aim.learn(victim, log)

    def hit(self, point: str) -> Hits:
        """Do what may hit this crash point; returns the points that were hit, perhaps others."""
        recipe = RECIPES.get(point)
        if recipe:
            return recipe(self)
        return self._shoot(Victim.DAEMON if int(point[1:]) < 14 else Victim.UPLOADER, point)

    def order(self, count: int = 1) -> list[Order]:
        """Order and wait until all are answered."""
        orders = self.house.till.order(count)
        self.house.till.wait_answered(orders)
        return orders

    def _burst(self, victim: Victim, retakes: bool = False) -> list[Order]:
        """So many orders that the one uploader that is watched gets one of them."""
        count = 1 if victim is Victim.DAEMON else len(self.house.uploaders) + 1
        return self.house.till.order(count, retakes)

    def _deliver(self, orders: list[Order], timeout_s: float = SHOT_S) -> bool:
        return self.house.till.wait_delivered(orders, timeout_s)

    def _log(self, name: str) -> Path:
        self.shots += 1
        return self.house.logs / f"strace-{self.shots}-{name}.log"

    def _target(self, victim: Victim) -> str:
        return DAEMON if victim is Victim.DAEMON else self.house.chance.choice(self.house.uploaders)

    def _shoot(self, victim: Victim, point: str) -> Hits:
        """Kill at a system call."""
        name, shot = self._target(victim), self.aim.choose(victim, [point], self.house.chance)
        log = self._log(name)
        self.house.till.wait_idle(LULL_S)
        with Tracer(self.house.pid(name), log, shot) as tracer:
            orders = self._burst(victim)
            died = self._watch(name, tracer, orders)
        hit = point_hit(victim, log, shot) if died else ""
        self.aim.note(victim, shot, hit)
        return _tidy(log, [hit] if hit else [])

    def _watch(self, name: str, tracer: Tracer, orders: list[Order]) -> bool:
        """Until the victim is dead, or everything was delivered with it alive."""
        give_up_at = time.monotonic() + SHOT_S
        while time.monotonic() < give_up_at:
            delivered = self._deliver(orders, 0.0)
            if tracer.wait(0.3 if delivered else 0.05):
                return self.house.wait_ended(name, SHOT_S)
            if delivered:
                return False
        return False

    def mid_cutout(self) -> Hits:
        """Half of the time by a call, half by the clock."""
        if self.house.chance.random() < 0.5:
            return self._shoot(Victim.DAEMON, "S7")
        since = self.house.till.count
        self.house.till.order(2)
        heard = self.house.till.hears("job", since, word=b'"accepted"')
        self.house.kill(DAEMON)
        return ["S7"] if heard and not self.house.till.hears("job", since, 0, b'"cut"') else []

    def checkpoint(self) -> Hits:
        """SIGTERM, and a kill while the index is closed."""
        self._deliver(self.order())
        self.house.till.wait_idle(LULL_S)
        shot, log = (
            self.house.chance.choice((Shot("pwrite64", 1), Shot("pwrite64", 2), Shot("fdatasync", 2))),
            self._log(DAEMON),
        )
        with Tracer(self.house.pid(DAEMON), log, shot):
            self.house.stop(DAEMON)
        return _tidy(log, [point_hit(Victim.DAEMON, log, shot)])

    def receipt_lost(self) -> Hits:
        """The uploader's link breaks under it, or the box is dead when it comes and then the broker forgets it."""
        if self.house.chance.random() < 0.5:
            return self._receipt_torn()
        till = self.house.till
        till.wait_idle(LULL_S)
        since = till.count
        till.order()
        till.hears("claim", since, word=b'"have"' if self.house.plan.delivery == "mqtt" else b"")
        early = till.hears("receipt", since, 0)
        self.house.kill(DAEMON)
        lost = till.hears("receipt", since, 1.0) and not early
        self._new_broker()
        return ["S17"] if lost else []

    def _receipt_torn(self) -> Hits:
        name, log = self._target(Victim.UPLOADER), self._log("uploader")
        self.house.till.wait_idle(LULL_S)
        shot = self.aim.choose(Victim.UPLOADER, ["S16"], self.house.chance, ["sendto"])
        with Tracer(self.house.pid(name), log, shot, "error=ECONNRESET") as tracer:
            self._deliver(self._burst(Victim.UPLOADER))
            broken = tracer.injected
        hit = point_hit(Victim.UPLOADER, log, shot) if broken else ""
        self.aim.note(Victim.UPLOADER, shot, hit)
        return _tidy(log, ["S17"] if hit == "S16" else [])

    def broker_killed(self) -> Hits:
        """In the middle of whatever it was passing on; it comes back empty."""
        orders = self.house.till.order(self.house.chance.randint(2, 4))
        time.sleep(self.house.chance.uniform(0.0, 0.3))
        busy = not self._deliver(orders, 0.0)
        self._new_broker()
        return ["S18"] if busy else []

    def broker_away(self) -> Hits:
        """Away while captures wait, and the box restarts meanwhile."""
        orders = self.house.till.order(4)
        self.house.till.wait_answered(orders, 1.0)
        self.house.broker.kill()
        time.sleep(self.house.chance.uniform(*OUTAGE_S) / 2)
        self.house.kill(DAEMON)
        waiting = under_way(self.house.spool)
        self.house.start(DAEMON)
        time.sleep(self.house.chance.uniform(*OUTAGE_S) / 2)
        self._start_broker()
        return ["S19"] if waiting else []

    def queue_overflow(self) -> Hits:
        """Nobody takes what the broker queues, and it may queue one message."""
        self._new_broker("max_queued_messages 1", "max_inflight_messages 1")
        self.house.mend()
        self.house.till.wait(lambda: False, 0.3)
        for name in self.house.uploaders:
            self.house.stop(name)
        self.house.till.wait_answered(self.house.till.order(5), 1.0)  # the queue overflows for the till as well
        return ["S20"] if "being dropped" in self.house.broker.log else []

    def oversize(self) -> Hits:
        """The broker takes small messages only, and says so, hangs up, or drops them in silence: version and option."""
        self.house.speak(self.house.chance.choice(("auto", "3.1.1")))
        self._new_broker(f"{self.house.chance.choice(('max_packet_size', 'message_size_limit'))} {SMALL_MESSAGE}")
        self.house.mend()
        since = self.house.till.count
        delivered = self._deliver(self.order(2), SHRINK_S)
        parts = self.house.till.hears("cutout", since, 0) or self.house.plan.delivery == "url"
        self._new_broker()
        return ["S21"] if delivered and parts else []

    def meddle(self) -> Hits:
        """Everything that was said lately is said again, in any order, and every order three times."""
        till, chance = self.house.till, self.house.chance
        orders = till.order(2)
        for order in orders * 2:
            till.ask(order)
        old = till.overheard("offer", "claim", "receipt", "cutout")
        again = chance.sample(old, min(len(old), 12))
        for heard in again:
            till.say(heard.topic, heard.payload)
        self._deliver(orders)
        return ["S22"] if again else []

    def disk_full(self) -> Hits:
        """No room at one call, or, where the disk is ours, no room at all for a while."""
        if not self.house.own_disk or self.house.chance.random() < 0.5:
            return self._fail_call("ENOSPC", ("write", "pwrite64", "mkdir", "fsync"), "S23")
        since = self.house.till.count
        orders = self.house.till.order(3)
        self.house.till.hears("job", since, word=b'"accepted"')
        ballast = self.house.spool.parent / "ballast"
        _fill(ballast, leave=self.house.chance.randrange(0, 5) * 4096)
        self.house.till.wait_answered(orders, 1.0)
        time.sleep(0.2)
        ballast.unlink()
        refused = any("room" in order.error for order in orders)
        return ["S23"] if refused or any(order.stage == "accepted" for order in orders) else []

    def io_error(self) -> Hits:
        """A flush fails; who sees that must not go on as if nothing had been."""
        return self._fail_call("EIO", ("fsync", "fdatasync"), "S24")

    def _fail_call(self, error: str, calls: tuple[str, ...], point: str) -> Hits:
        victim = self.house.chance.choice((Victim.DAEMON, Victim.DAEMON, Victim.UPLOADER))
        shot = self.aim.choose(victim, POINTS.keys(), self.house.chance, calls)
        name = self._target(victim)
        log = self._log(name)
        self.house.till.wait_idle(LULL_S)
        with Tracer(self.house.pid(name), log, shot, f"error={error}") as tracer:
            self._watch(name, tracer, self._burst(victim))
            injected = tracer.injected
        ours = any(place in path_hit(log, shot) for place in ("/spool", "/shop", "/work"))
        return _tidy(log, [point] if injected and ours else [])

    def flipped_bytes(self) -> Hits:
        """A bit of a waiting capture turns while the box is off."""
        for name in self.house.uploaders:
            self.house.kill(name)
        self.order(2)
        time.sleep(self.house.chance.uniform(0, 0.2))
        self.house.kill(DAEMON)
        files = [file for file in self.house.spool.glob("captures/*/*") if not file.name.startswith(("_", "damaged"))]
        if not files:
            return []
        file = self.house.chance.choice(sorted(files))
        _flip(file, self.house.chance.randrange(1 << 30))
        self.house.flipped.add(file.parent.name)
        return ["S25"]

    def index_lost(self) -> Hits:
        """The index is torn, overwritten or gone while the box is off."""
        if not self._all_answered():
            return []  # a request id whose capture was delivered and deleted is forgotten with the index
        self.order(2)
        self.house.kill(DAEMON)
        index = self.house.spool / "index.sqlite"
        match self.house.chance.choice(("gone", "torn", "header", "middle")):
            case "gone":
                for file in self.house.spool.glob("index.sqlite*"):
                    file.unlink()
            case "torn":
                os.truncate(index, index.stat().st_size // 2)
            case "header":
                _overwrite(index, 0)
            case _:
                _overwrite(index, index.stat().st_size // 2)
        return ["S26"]

    def _all_answered(self) -> bool:
        till = self.house.till
        give_up_at = time.monotonic() + 2 * SHOT_S
        while not till.wait(lambda: till.unanswered == 0, 0.2) and time.monotonic() < give_up_at:
            till.repeat_unanswered()
        return till.unanswered == 0

    def _new_broker(self, *options: str) -> None:
        self.house.broker.kill()
        self._start_broker(*options)

    def _start_broker(self, *options: str) -> None:
        self.house.till.online = False
        self.house.broker = self.house.make_broker(*options)
        self.house.broker.start()


RECIPES: dict[str, Callable[[Torturer], Hits]] = {
    "S7": Torturer.mid_cutout,
    "S13": Torturer.checkpoint,
    "S17": Torturer.receipt_lost,
    "S18": Torturer.broker_killed,
    "S19": Torturer.broker_away,
    "S20": Torturer.queue_overflow,
    "S21": Torturer.oversize,
    "S22": Torturer.meddle,
    "S23": Torturer.disk_full,
    "S24": Torturer.io_error,
    "S25": Torturer.flipped_bytes,
    "S26": Torturer.index_lost,
}


def _tidy(log: Path, hits: Hits) -> Hits:
    """Keep the last logs only: an hour has thousands."""
    logs = sorted(log.parent.glob("strace-*"), key=lambda path: path.stat().st_mtime)
    for old in logs[:-20]:
        old.unlink()
    return [hit for hit in hits if hit in POINTS]


def _fill(path: Path, leave: int) -> None:
    """Take all room of a disk but about ``leave`` bytes."""
    size = shutil.disk_usage(path.parent).free - leave
    with path.open("wb") as file:
        while size > 0:
            try:
                os.posix_fallocate(file.fileno(), 0, size)
            except OSError:  # somebody was faster
                size -= 16 * 4096
            else:
                return


def _flip(path: Path, place: int) -> None:
    with path.open("r+b") as file:
        size = path.stat().st_size
        file.seek(place % size)
        byte = file.read(1)
        file.seek(place % size)
        file.write(bytes([byte[0] ^ 1]))


def _overwrite(path: Path, offset: int) -> None:
    with path.open("r+b") as file:
        file.seek(offset)
        file.write(os.urandom(4096))
