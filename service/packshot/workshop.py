"""From durable original to durable artefacts: the thread that cuts out what the spool has accepted."""

import logging
import threading
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from time import perf_counter

from packshot.capture import Announce
from packshot.composer import Composer
from packshot.cut_result import CutResult
from packshot.cutout import CutOptions, Cutter
from packshot.domain import Capture, Decision, Stage
from packshot.encode.port import Photo
from packshot.errors import GiveUpCapture, RetryLater, StopDaemon, UsageError
from packshot.matting.refine import Profile
from packshot.platform import logs
from packshot.platform.attempts import Attempts
from packshot.platform.pulse import Pulse
from packshot.presets import Preset, pick_preset
from packshot.spool.port import CutRecord, NewArtefact, Spool

log = logging.getLogger(__name__)

IDLE_S = 1.0
RETRY_S = 5.0
PLAIN_CUTOUT = "cutout.png"


@dataclass(frozen=True)
class Product:
    """What is made of every photo: the preset used when a request names none, and what lies beside it.

    A photo that ends the process ``max_attempts`` times fails; one that takes ``timeout_s`` seconds shows that the
    engine hangs, and the watchdog acts.
    """

    preset: str
    keep_cutout: bool = True
    keep_mask: bool = False
    keep_layers: bool = False
    max_attempts: int = 3
    timeout_s: float = 120.0


class Workshop:
    """Cuts accepted captures out, oldest first; after a restart it goes on with what the spool still holds."""

    def __init__(
        self,
        spool: Spool,
        cutter: Cutter,
        composer: Composer,
        options: CutOptions,
        presets: Mapping[str, Preset],
        product: Product,
        announce: Announce,
        on_cut: Callable[[Capture, CutResult], None],
        plates: Callable[[], tuple[Photo, ...]],
        attempts: Attempts,
        pulse: Pulse,
    ) -> None:
        self._spool = spool
        self._cutter = cutter
        self._composer = composer
        self._options = options
        self._presets = presets
        self._product = product
        self._announce = announce
        self._on_cut = on_cut
        self._plates = plates
        self._attempts = attempts
        self._pulse = pulse
        self._wake = threading.Event()
        self._stopping = False
        self.busy = False
        self.engine_problem = ""
        self.fatal: StopDaemon | None = None
        self._thread = threading.Thread(target=self._run, name="workshop", daemon=True)

    def start(self) -> None:
        """Begin to work."""
        self._thread.start()

    def wake(self) -> None:
        """There is something new in the spool."""
        self._wake.set()

    def close(self, timeout_s: float) -> None:
        """Finish the cutout in hand and stop; what is left stays accepted in the spool."""
        self._stopping = True
        self._wake.set()
        if self._thread.is_alive():
            self._thread.join(timeout_s)

    def step(self) -> bool:
        """Cut the oldest accepted capture out; False when there is none."""
        waiting = self._spool.captures({Stage.ACCEPTED}, limit=1)
        if not waiting:
            return False
        self.busy = True
        try:
            self._work(waiting[0])
        finally:
            self.busy = False
        return True

    def _run(self) -> None:
        while not self._stopping and not self.fatal:
            self._wake.clear()
            try:
                with self._pulse.busy(self._product.timeout_s):
                    worked = self.step()
                if not worked:
                    self._wake.wait(IDLE_S)
            except RetryLater as error:
                self.engine_problem = str(error)
                logs.event(log, "cutout postponed", logging.WARNING, error=error)
                self._wake.wait(RETRY_S)
            except StopDaemon as error:
                self.fatal = error

    def _work(self, capture: Capture) -> None:
        attempt = self._attempts.begin(capture.capture_id)
        if attempt > self._product.max_attempts:
            self._give_up(capture, f"cutting it out ended the service {attempt - 1} times; look at the original")
            return
        try:
            record, result = self._cut(capture)
            stored = self._spool.store_cut(capture.capture_id, record)
        except (GiveUpCapture, UsageError) as error:  # the latter: its preset was there when the photo was taken
            self._give_up(capture, str(error))
            return
        except (RetryLater, StopDaemon):
            raise
        except Exception as error:  # what one photo brings about must not end the thread for all others
            log.exception("cutout failed in an unforeseen way")
            self._give_up(capture, f"internal error: {' '.join(str(error).split())[:300]}")
            return
        finally:
            self._attempts.survived()
        self.engine_problem = ""
        reasons = "; ".join(record.verdict.reasons)
        self._announce(stored.capture_id, stored.stage, stored.request.request_id, reasons)
        _log_capture(stored)
        self._on_cut(stored, result)

    def _cut(self, capture: Capture) -> tuple[CutRecord, CutResult]:
        preset_name = capture.request.preset or self._product.preset
        preset = pick_preset(self._presets, preset_name)
        photos = self._photos(capture)
        result = self._result(capture, photos)
        began = perf_counter()
        artefacts = self._artefacts(result, preset_name, preset, photos[0])
        stage_ms = {**result.stage_ms, "encode": round((perf_counter() - began) * 1000, 2)}
        record = CutRecord(artefacts, result.verdict, result.engine, result.bbox, round(result.fill, 4), stage_ms)
        return record, result

    def _photos(self, capture: Capture) -> list[bytes]:
        names = [artefact.name for artefact in capture.artefacts if artefact.kind == "original"]
        return [self._spool.read(capture.capture_id, name) for name in names]

    def _result(self, capture: Capture, photos: list[bytes]) -> CutResult:
        """By the network, with a plate, or, of two frames before two backdrops whose plates are there, without both."""
        options, plates = self._options_for(capture), self._plates()
        if len(photos) == len(plates) == 2:
            first, second = (self._cutter.decode(photo, options) for photo in photos)
            return self._cutter.cut_pair((first, second), (plates[0], plates[1]), options)
        return self._cutter.cut(photos[0], options, plates[0] if plates else None)

    def _options_for(self, capture: Capture) -> CutOptions:
        profile = capture.request.profile
        return replace(self._options, profile=Profile(profile)) if profile else self._options

    def _artefacts(self, result: CutResult, preset_name: str, preset: Preset, photo: bytes) -> list[NewArtefact]:
        if result.verdict.decision is Decision.EMPTY:
            return []
        pictures = [(f"{preset_name}.{preset.format}", "picture", self._composer.picture(result, preset))]
        if self._product.keep_cutout and pictures[0][0] != PLAIN_CUTOUT:  # the preset "cutout" has that place
            pictures.append((PLAIN_CUTOUT, "cutout", self._composer.picture(result, Preset())))
        if self._product.keep_mask:
            pictures.append(("mask.png", "mask", self._composer.mask(result)))
        if self._product.keep_layers:
            layers = self._composer.layers(result, self._cutter.decode(photo))
            pictures.append(("layers.tiff", "layers", layers))
        return [
            NewArtefact(name, kind, picture.media_type, picture.data, picture.width, picture.height)
            for name, kind, picture in pictures
        ]

    def _give_up(self, capture: Capture, reason: str) -> None:
        self._attempts.survived()
        try:
            failed = self._spool.advance(capture.capture_id, Stage.FAILED, reason, only_from={Stage.ACCEPTED})
        except GiveUpCapture as error:  # purged meanwhile
            logs.event(log, "capture is gone", logging.WARNING, capture=capture.capture_id, error=error)
            return
        self._announce(failed.capture_id, failed.stage, failed.request.request_id, reason)
        logs.event(
            log, "capture failed", logging.ERROR, capture=failed.capture_id, sku=failed.request.sku, reason=reason
        )


def _log_capture(capture: Capture) -> None:
    """The one line that the log keeps of every capture."""
    stages: dict[str, object] = {f"{stage}_ms": ms for stage, ms in capture.stage_ms.items()}
    facts: dict[str, object] = {
        "capture": capture.capture_id,
        "request": capture.request.request_id,
        "sku": capture.request.sku,
        "angle": capture.request.angle,
        "revision": capture.revision,
        "shutter": capture.shutter.proof.value,
        "lag_s": capture.shutter.lag_s,
        "engine": capture.engine,
        "fill": capture.fill,
        "reasons": "; ".join(capture.verdict.reasons) if capture.verdict else "",
    }
    logs.event(log, f"capture {capture.stage.value}", logging.INFO, **facts, **stages)
