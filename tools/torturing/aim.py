"""Where to shoot so that a crash point is hit: learned from rehearsals, and from every shot that was fired."""

import random
from collections import Counter, defaultdict
from collections.abc import Collection, Sequence
from pathlib import Path

from tools.torturing.calls import Call, Shot, find_shot, read_calls
from tools.torturing.points import Victim, name_points

INJECTABLE = ("mkdir", "write", "pwrite64", "fsync", "fdatasync", "rename", "unlink", "rmdir", "sendto", "recvfrom")
DEEPEST = 24


class Aim:
    """Per victim and shot, how often it hit which point."""

    def __init__(self) -> None:
        self._seen: dict[tuple[Victim, Shot], Counter[str]] = defaultdict(Counter)

    def learn(self, victim: Victim, log: Path) -> None:
        """Take in a log without a fault: what each shot would have hit."""
        calls = read_calls(log)
        points = named(victim, calls)
        for name in INJECTABLE:
            for when in range(1, DEEPEST + 1):
                index = find_shot(calls, Shot(name, when))
                if index is not None:
                    self._seen[victim, Shot(name, when)][points[index]] += 1

    def note(self, victim: Victim, shot: Shot, point: str) -> None:
        """A shot was fired and hit this point ("" for none); it counts for more than a rehearsal."""
        self._seen[victim, shot][point] += 3

    def choose(
        self, victim: Victim, points: Collection[str], chance: random.Random, calls: Sequence[str] = INJECTABLE
    ) -> Shot:
        """A shot at one of these calls that is likely to hit one of the points; any shot if none is known to."""
        odds = {}
        for (whose, shot), seen in self._seen.items():
            likely = sum(seen[point] for point in points) / seen.total()
            if whose is victim and shot.call in calls and likely:
                odds[shot] = likely**2
        if not odds:
            return Shot(chance.choice(calls), chance.randint(1, 8))
        shots = sorted(odds, key=lambda shot: (shot.call, shot.when))
        return chance.choices(shots, [odds[shot] for shot in shots])[0]


def named(victim: Victim, calls: list[Call]) -> list[str]:
    """The point of each call."""
    return [point for _, point in name_points(victim, calls)]


def point_hit(victim: Victim, log: Path, shot: Shot) -> str:
    """The point at which a fired shot hit, "" if it missed or hit nothing that has a name."""
    calls = read_calls(log)
    index = find_shot(calls, shot)
    return "" if index is None else named(victim, calls)[index]


def path_hit(log: Path, shot: Shot) -> str:
    """The file or folder that a fired shot was about."""
    calls = read_calls(log)
    index = find_shot(calls, shot)
    return "" if index is None else calls[index].path
