"""One step of a capture in a process of its own, to be killed or failed at any system call.

``python -m tests.power_cut.driver ROOT STEP`` opens the spool, says ``begin``, does the step, says ``ack``. When the
spool refuses for want of room it says ``full`` and tries once more, as the daemon does when room was made.
"""

import os
import sys
from collections.abc import Callable
from pathlib import Path

from packshot.domain import IN_DELIVERY, Stage
from packshot.errors import PackshotError, SpoolFull
from packshot.spool.limits import Retention
from packshot.spool.sqlite_spool import SqliteSpool
from tests.support.spool import ROOMY, a_cut, a_frame, a_request, receipt_for

FRAMES = (b"white backdrop " * 1000, b"black backdrop " * 1000)
PRIVATE_STEPS = {"receipt-in-private"}


def accept(spool: SqliteSpool) -> None:
    """The shutter."""
    spool.accept(a_request("shot"), [a_frame(data) for data in FRAMES])


def cut(spool: SqliteSpool) -> None:
    """The cutout, in place of a former one if there is one."""
    capture = spool.captures({Stage.ACCEPTED, Stage.HELD})[0]
    spool.store_cut(capture.capture_id, a_cut(b"second look", names=("cutout.png", "mask.png")))


def receipt(spool: SqliteSpool) -> None:
    """The uploader's word."""
    capture = spool.captures(IN_DELIVERY | {Stage.RECEIPTED})[0]
    spool.record_receipt(capture.capture_id, receipt_for(capture))


def purge(spool: SqliteSpool) -> None:
    """A person's order."""
    for capture in spool.captures({Stage.RECEIPTED}):
        spool.purge(capture.capture_id)


def life(spool: SqliteSpool) -> None:
    """All of it, each step acknowledged by its own word."""
    accept(spool)
    say("accepted")
    cut(spool)
    say("cut")
    capture = spool.captures()[0]
    spool.advance(capture.capture_id, Stage.OFFERED)
    say("offered")
    receipt(spool)
    say("receipted")
    purge(spool)
    say("purged")


STEPS: dict[str, Callable[[SqliteSpool], None]] = {
    "accept": accept,
    "cut": cut,
    "receipt": receipt,
    "receipt-in-private": receipt,
    "purge": purge,
    "life": life,
    "reopen": lambda spool: None,
}


def say(word: str) -> None:
    """Tell the test, in one system call."""
    os.write(1, word.encode() + b"\n")


def main(root: Path, step: str) -> int:
    """The exit code the daemon would end with."""
    try:
        if step == "reopen":
            say("begin")
        spool = SqliteSpool(root, limits=ROOMY, retention=Retention(privacy=step in PRIVATE_STEPS))
        if step != "reopen":
            say("begin")
        try:
            STEPS[step](spool)
        except SpoolFull:
            say("full")
            STEPS[step](spool)
        say("ack")
    except PackshotError as error:
        sys.stderr.write(f"{type(error).__name__}: {error}\n")
        return error.exit_code
    spool.close()
    return 0


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1]), sys.argv[2]))
