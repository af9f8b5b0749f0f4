"""From the spool to the uploaders: the thread that drives the dispatcher.

One thread owns all state and does what is posted to its inbox; the bus's handlers only post. Nothing is remembered
that the spool does not know: after a restart everything in delivery is offered again.
"""

import logging
import queue
import random
import threading
import time
from collections.abc import Callable
from functools import partial

from packshot.bus.port import Bus, Incoming, Publication
from packshot.errors import GiveUpCapture, PackshotError, StopDaemon
from packshot.outbox.dispatcher import Announce, Dispatcher
from packshot.outbox.settings import OutboxSettings
from packshot.outbox.staging import ClaimCheck, Staging
from packshot.outbox.window import MessageKey
from packshot.spool.port import Spool

log = logging.getLogger(__name__)

LONGEST_SLEEP_S = 1.0
SHORTEST_SLEEP_S = 0.005
TROUBLE_S = 1.0  # pause after an error, so that one that lasts does not fill the log
JOIN_S = 10.0


class Outbox:
    """Delivers what the spool holds. ``root`` is the device's topic, for example "packshot/studio-1".

    ``on_fatal`` is told a StopDaemon error (the spool is broken); the outbox stops then. ``beat`` is called on every
    turn of the loop, as a sign of life. With ``claim_check`` the bytes go to its store and offers carry addresses.
    """

    def __init__(
        self,
        spool: Spool,
        bus: Bus,
        root: str,
        settings: OutboxSettings,
        announce: Announce,
        on_fatal: Callable[[StopDaemon], None] = lambda _: None,
        beat: Callable[[], None] = lambda: None,
        claim_check: ClaimCheck | None = None,
    ) -> None:
        self._bus = bus
        self._root = root
        self._on_fatal = on_fatal
        self._beat = beat
        self._inbox: queue.SimpleQueue[Callable[[], None]] = queue.SimpleQueue()
        device_id = root.rsplit("/", 1)[-1]
        self._staging = Staging(spool, claim_check, device_id, self.wake) if claim_check else None
        self._dispatcher = Dispatcher(
            spool, bus, root, settings, announce, self._post_settled, random.uniform, staging=self._staging
        )
        self._closing = threading.Event()
        self._thread = threading.Thread(target=self._run, name="outbox", daemon=True)

    def start(self) -> None:
        """Listen for claims and receipts and begin to deliver."""
        self._bus.subscribe(f"{self._root}/claim/+", partial(self._post_incoming, self._dispatcher.on_claim))
        self._bus.subscribe(f"{self._root}/receipt/+", partial(self._post_incoming, self._dispatcher.on_receipt))
        if self._staging is not None:
            self._staging.start()
        self._thread.start()

    def wake(self) -> None:
        """Something changed: a capture was cut or released, or the link came up."""
        self._inbox.put(self._dispatcher.look_soon)

    def close(self) -> None:
        """Stop delivering; what is under way is offered again at the next start."""
        self._closing.set()
        self.wake()
        if self._thread.is_alive():
            self._thread.join(JOIN_S)
        if self._staging is not None:
            self._staging.close()

    def _post_incoming(self, handle: Callable[[Incoming], None], incoming: Incoming) -> None:
        self._inbox.put(partial(handle, incoming))

    def _post_settled(self, key: MessageKey, publication: Publication) -> None:
        self._inbox.put(partial(self._dispatcher.settled, key, publication))

    def _run(self) -> None:
        while not self._closing.is_set():
            try:
                self._beat()
                self._do_posted()
                self._dispatcher.turn()
            except StopDaemon as error:
                log.exception("the outbox has to stop")
                self._on_fatal(error)
                return
            except GiveUpCapture as error:
                log.warning("a message was dropped: %s", error)
            except PackshotError as error:
                log.warning("delivery: %s", error)
                self._closing.wait(TROUBLE_S)
            except Exception:
                log.exception("delivery met an error of our own making")
                self._closing.wait(TROUBLE_S)

    def _do_posted(self) -> None:
        """Wait for the next task or the next due time, and do all tasks that are there."""
        pause_s = min(LONGEST_SLEEP_S, max(SHORTEST_SLEEP_S, self._dispatcher.next_due() - time.monotonic()))
        try:
            self._inbox.get(timeout=pause_s)()
            while True:
                self._inbox.get_nowait()()
        except queue.Empty:
            pass
