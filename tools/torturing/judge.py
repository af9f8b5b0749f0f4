"""The question at the end: where is every capture that was acknowledged?"""

import hashlib
from collections import Counter, defaultdict
from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from pathlib import Path

from packshot.domain import Capture, Stage
from packshot.spool.sqlite_spool import SqliteSpool
from packshot.storefront.targets.naming import SIDECAR, SUPERSEDED
from packshot.storefront.targets.record import Record, decode_record
from tools.torturing.till import Order

UNDER_WAY = frozenset({Stage.ACCEPTED, Stage.CUT, Stage.OFFERED, Stage.CLAIMED})
VISIBLE = (Stage.HELD, Stage.REFUSED, Stage.FAILED, Stage.EMPTY)


@dataclass
class Judgement:
    """Counts of acknowledged captures, and one line for each that is not where it should be."""

    acknowledged: int = 0
    delivered: int = 0
    superseded: int = 0
    visible: list[Capture] = field(default_factory=list)  # held, refused, failed or empty
    lost: list[str] = field(default_factory=list)
    duplicate: list[str] = field(default_factory=list)
    wrong: list[str] = field(default_factory=list)

    @property
    def clean(self) -> bool:
        """Whether nothing is lost, twice, or otherwise wrong."""
        return not (self.lost or self.duplicate or self.wrong)

    def reasons(self) -> Counter[str]:
        """How many captures are visible for which reason."""
        return Counter(f"{capture.stage}: {capture.reason}" for capture in self.visible)

    def without_cause(self, damaged: Collection[str]) -> list[str]:
        """A line for every capture that is not in the storefront although nobody has damaged its files."""
        spared = [capture for capture in self.visible if capture.capture_id not in damaged]
        return [f"capture {each.capture_id} is {each.stage} with all its bits: {each.reason}" for each in spared]


def judge(orders: Iterable[Order], shop: Path, spool_path: Path) -> Judgement:
    """Compare what was promised with the shop, and with the spool for what is not there. All must be quiet."""
    result, places = Judgement(), _shop_places(shop)
    spool = SqliteSpool(spool_path, owner=False)
    try:
        for order in orders:
            for capture_id in order.captures:
                _judge_capture(result, capture_id, order, places, spool)
            shown = [capture_id for capture_id in order.captures if capture_id in places]
            if len(shown) > 1:
                result.duplicate.append(f"request {order.request_id} is {len(shown)} captures in the shop: {shown}")
    finally:
        spool.close()
    result.wrong += _wrong_in_shop(places)
    return result


def under_way(spool_path: Path) -> int:
    """Captures in the spool that still have a way to go."""
    spool = SqliteSpool(spool_path, owner=False)
    try:
        return len(spool.captures(UNDER_WAY))
    finally:
        spool.close()


def _judge_capture(
    result: Judgement, capture_id: str, order: Order, places: dict[str, list[Path]], spool: SqliteSpool
) -> None:
    result.acknowledged += 1
    found = places.get(capture_id, [])
    if len(found) > 1:
        result.duplicate.append(f"capture {capture_id} of {order.request_id} lies {len(found)} times: {found}")
    if found:
        result.delivered += 1
        result.superseded += SUPERSEDED in found[0].parts
        return
    capture = spool.get(capture_id)
    if capture is not None and capture.stage in VISIBLE:
        result.visible.append(capture)
        return
    where = "nowhere" if capture is None else f"{capture.stage} in the spool"
    result.lost.append(f"capture {capture_id} of {order.request_id} for {order.sku}/{order.angle} is {where}")


def _shop_places(shop: Path) -> dict[str, list[Path]]:
    """Capture id -> every sidecar that shows it."""
    places = defaultdict(list)
    for sidecar in shop.rglob(f"*{SIDECAR}"):
        record = decode_record(sidecar.read_bytes())
        if record is not None and ".incoming" not in sidecar.parts:
            places[record.capture_id].append(sidecar)
    return dict(places)


def _wrong_in_shop(places: dict[str, list[Path]]) -> list[str]:
    """Pictures that are not whole, and products that do not show their newest revision."""
    problems, newest, shown = [], defaultdict[tuple[str, int], int](int), dict[tuple[str, int], int]()
    for sidecar in (path for paths in places.values() for path in paths):
        record = decode_record(sidecar.read_bytes())
        assert record is not None
        product = (record.sku, record.angle)
        newest[product] = max(newest[product], record.revision)
        if SUPERSEDED not in sidecar.parts:
            shown[product] = record.revision
        problems += _not_whole(sidecar.parent, record)
    for product, revision in newest.items():
        if shown.get(product) != revision:
            problems.append(f"{product} shows revision {shown.get(product)} and has {revision}")
    return problems


def _not_whole(folder: Path, record: Record) -> list[str]:
    return [
        f"{folder / name} is not what its sidecar says"
        for artefact, name in record.files.items()
        if not (folder / name).is_file()
        or hashlib.sha256((folder / name).read_bytes()).hexdigest() != record.sha256s[artefact]
    ]
