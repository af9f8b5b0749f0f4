"""One step of a capture, done in a process of its own that is killed or failed at any system call.

It opens the spool, says ``begin``, does the step, says ``ack``. When the spool refuses for want of room it says
``full`` and tries once more, as the daemon does when room was made.
"""

import os
from collections.abc import Callable
from pathlib import Path

from packshot.domain import Capture, Stage
from packshot.errors import PackshotError, SpoolFull
from packshot.spool.limits import Retention
from packshot.spool.sqlite_spool import SqliteSpool
from tests.support.spool import ROOMY, a_cut, a_frame, a_request, receipt_for

FRAMES = (b"white backdrop " * 1000, b"black backdrop " * 1000)
PRIVATE_STEPS = {"receipt-in-private"}


def accept(spool: SqliteSpool) -> None:
    """The shutter."""
    spool.accept(a_request("shot"), [a_frame(data) for data in FRAMES])


def shot(spool: SqliteSpool) -> Capture:
    """The capture that all steps are about."""
    capture = spool.find_request("shot")
    assert capture is not None
    return capture


def cut(spool: SqliteSpool) -> None:
    """The cutout, in place of a former one if there is one."""
    spool.store_cut(shot(spool).capture_id, a_cut(b"second look", names=("cutout.png", "mask.png")))


def receipt(spool: SqliteSpool) -> None:
    """The uploader's word."""
    spool.record_receipt(shot(spool).capture_id, receipt_for(shot(spool)))


def purge(spool: SqliteSpool) -> None:
    """A person's order; done already if it was interrupted after it counted."""
    if spool.get(shot(spool).capture_id):
        spool.purge(shot(spool).capture_id)


def life(spool: SqliteSpool) -> None:
    """All of it, each step acknowledged by its own word."""
    accept(spool)
    say("accepted")
    cut(spool)
    say("cut")
    spool.advance(shot(spool).capture_id, Stage.OFFERED)
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


def do(root: Path, step: str) -> int:
    """Do the step; returns the exit code the daemon would end with."""
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
        os.write(2, f"{type(error).__name__}: {error}\n".encode())
        return error.exit_code
    spool.close()
    return 0
