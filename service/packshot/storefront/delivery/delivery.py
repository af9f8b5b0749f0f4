"""The uploader: takes offers from all boxes and works on a few of them at once."""

import logging
import shutil
import threading
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from packshot.bus.port import Bus, Incoming
from packshot.errors import BrokerError, StopDaemon
from packshot.messages import Offer, decode, encode
from packshot.platform.clock import rfc3339
from packshot.platform.logs import event
from packshot.platform.web import Web
from packshot.storefront.delivery.downloads import Downloads
from packshot.storefront.delivery.gathering import stale_folders
from packshot.storefront.delivery.job import Desk, Job, dead_topic
from packshot.storefront.delivery.limits import delivery_key, parse_offer_topic
from packshot.storefront.delivery.reasons import NotNow, StorefrontAway
from packshot.storefront.delivery.settings import DeliverySettings
from packshot.storefront.delivery.sharing import SharingProbe
from packshot.storefront.ledger import Ledger, State
from packshot.storefront.targets.port import DeliveryKey, Target

log = logging.getLogger(__name__)

TICK_S = 0.25
TIDY_S = 3600.0
MAX_DEAD_LETTERS = 100  # told again on every connect; `packshot uploader status` lists all


class Delivery:
    """See the package. Starts the bus; bus, ledger and target are closed by whoever made them, after ``close``.

    ``on_fatal`` is told a StopDaemon error (the ledger is broken).
    """

    def __init__(
        self,
        bus: Bus,
        ledger: Ledger,
        target: Target,
        uploader_id: str,
        work_dir: Path,
        settings: DeliverySettings,
        on_fatal: Callable[[StopDaemon], None] = lambda _: None,
    ) -> None:
        self._closing = threading.Event()
        web = Web(Path(settings.url_token_file) if settings.url_token_file else None, timeout_s=settings.url_timeout_s)
        downloads = Downloads(web, settings.url_prefixes, self._closing)
        self._desk = Desk(bus, ledger, target, uploader_id, work_dir, settings, downloads, self._closing)
        self._on_fatal = on_fatal
        self._lock = threading.Lock()
        self._jobs: dict[tuple[str, str], Job] = {}
        self._tidy_at = 0.0
        self._not_before = 0.0  # the storefront is away until then
        self._offers = f"{settings.root}/+/offer/+"
        probe_topic = f"{settings.root}/uploader/{uploader_id}/probe"
        self._probe = SharingProbe(bus, probe_topic, f"probe-{uploader_id}", self._take_all_offers)
        self._workers = ThreadPoolExecutor(settings.active, thread_name_prefix="delivery")
        self._ticker = threading.Thread(target=self._tick, name="delivery-ticker", daemon=True)

    @property
    def alive(self) -> bool:
        """Whether the threads are at work."""
        return self._ticker.is_alive() and not self._closing.is_set()

    def start(self) -> None:
        """Connect and take offers. Raises OSError if the work folder cannot be made, SpoolError for the ledger."""
        self._desk.work.mkdir(parents=True, exist_ok=True)
        self._tidy()
        self._ticker.start()
        group = self._desk.settings.group
        if group:
            self._probe.start()
            self._desk.bus.subscribe(f"$share/{group}/{self._offers}", self._on_offer)
        else:
            self._take_all_offers()
        self._desk.bus.start(self._on_connected)

    def close(self) -> None:
        """Leave the deliveries in work where they are; they go on when they are offered again."""
        self._closing.set()
        self._workers.shutdown(wait=True, cancel_futures=True)
        if self._ticker.is_alive():
            self._ticker.join()

    def _tidy(self) -> None:
        """Drop the parts of abandoned deliveries and the rows of old ones."""
        settings = self._desk.settings
        self._tidy_at = time.monotonic() + TIDY_S
        for folder in stale_folders(self._desk.work, settings.keep_parts_s):
            with self._lock:  # so that no delivery goes on with them meanwhile
                if (folder.parent.name, folder.name) not in self._jobs:
                    shutil.rmtree(folder, ignore_errors=True)
        self._desk.ledger.trim(rfc3339(int((time.time() - settings.keep_ledger_s) * 1000)))

    def _take_all_offers(self) -> None:
        self._desk.bus.subscribe(self._offers, self._on_offer)

    def _on_connected(self) -> None:
        if self._desk.settings.group:
            self._probe.on_connected()
        self._repeat_dead_letters()
        for job in self._current_jobs():
            job.reconnected()

    def _repeat_dead_letters(self) -> None:
        """Retained messages are gone when a broker comes back empty."""
        try:
            dead = self._desk.ledger.entries(State.DEAD, MAX_DEAD_LETTERS)
        except StopDaemon as error:
            self._on_fatal(error)
            return
        for entry in dead:
            if entry.receipt is not None:
                topic = dead_topic(self._desk, entry.key.capture_id)
                with suppress(BrokerError):
                    self._desk.bus.publish(topic, encode(entry.receipt), retain=True)

    def _on_offer(self, incoming: Incoming) -> None:
        # BadMessage goes to the bus, which logs it and acknowledges the message.
        device_id, capture_id = parse_offer_topic(incoming.topic, self._desk.settings.root)
        offer = decode(incoming.payload, Offer)
        if incoming.retain:
            incoming.acknowledge()
            return
        self._take(delivery_key(device_id, capture_id, offer), offer, incoming)

    def _take(self, key: DeliveryKey, offer: Offer, incoming: Incoming) -> None:
        place = (key.device_id, key.capture_id)
        settings = self._desk.settings
        with self._lock:
            running = self._jobs.get(place)
            busy = len(self._jobs) >= settings.active + settings.waiting or time.monotonic() < self._not_before
            if running is not None and running.key == key:
                running.offered_again(offer, incoming)
            elif running is not None or busy or self._closing.is_set():
                # Not ours to take now. The box repeats its offer, and perhaps another uploader is free.
                incoming.acknowledge()
            else:
                job = self._jobs[place] = Job(self._desk, key, offer, incoming)
                self._workers.submit(self._work, place, job)

    def _work(self, place: tuple[str, str], job: Job) -> None:
        try:
            while not self._is_over(place, job):
                job.run()
        except StorefrontAway as error:
            self._not_before = time.monotonic() + error.pause_s
            event(log, "no offers are taken", logging.WARNING, reason=str(error), for_s=error.pause_s)
        except NotNow as error:
            event(log, "left for later", capture=job.key.capture_id, reason=str(error))
        except StopDaemon as error:
            log.exception("the uploader has to stop")
            self._on_fatal(error)
            return
        except Exception:
            log.exception("a delivery met an error of our own making")
        finally:
            with self._lock:
                if self._jobs.get(place) is job:
                    del self._jobs[place]
        if not self._closing.is_set():
            job.acknowledge()

    def _is_over(self, place: tuple[str, str], job: Job) -> bool:
        """Whether the job has answered every offer; from then on a new offer makes a new job."""
        with self._lock:
            if not job.unanswered:
                del self._jobs[place]
            return not job.unanswered

    def _tick(self) -> None:
        while not self._closing.wait(TICK_S):
            self._probe.tick()
            self._tidy_in_time()
            for job in self._current_jobs():
                try:
                    job.tick()
                except Exception:
                    log.exception("a claim could not be renewed")

    def _tidy_in_time(self) -> None:
        if time.monotonic() < self._tidy_at:
            return
        try:
            self._tidy()
        except StopDaemon as error:
            self._on_fatal(error)
        except OSError as error:
            log.warning("the work folder cannot be tidied: %s", error)

    def _current_jobs(self) -> list[Job]:
        with self._lock:
            return list(self._jobs.values())
