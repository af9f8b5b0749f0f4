"""The daemon: builds the parts, hands them to each other, serves until told to stop."""

import logging
import os
import time
from collections.abc import Mapping
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packshot import wiring
from packshot.announce import JobAnnouncer, publish_last_image
from packshot.capture import CaptureDesk, DeskSettings, Outcome, Respond
from packshot.commands import Commands
from packshot.config import Config, LampSection
from packshot.cut_result import CutResult
from packshot.domain import Capture, CaptureRequest, mint_request_id
from packshot.errors import BadMessage, GiveUpCapture, RetryLater, StopDaemon
from packshot.glimpse import Glimpses
from packshot.health import Health, device_info
from packshot.kiosk.check import check_kiosk
from packshot.messages import MAX_CONTROL_BYTES, PlateVerb
from packshot.outbox import Outbox, OutboxSettings
from packshot.platform import logs, sd_notify
from packshot.platform.attempts import Attempts
from packshot.platform.board import Board
from packshot.platform.clock import SystemClock, parse_rfc3339, rfc3339
from packshot.platform.control import Control, Ending
from packshot.platform.exporter import Exporter
from packshot.platform.pulse import Vitals
from packshot.platform.resources import golden_alpha, golden_photo
from packshot.platform.runtime import RuntimeFolder
from packshot.selftest import PartResult, check_engine, check_spool
from packshot.spool.port import Spool
from packshot.stats import Stats
from packshot.trigger.port import TriggerAction
from packshot.updates import UpdatePanel
from packshot.wiring import devices
from packshot.wiring.kiosk import KioskStudio, open_id_camera, view_encoder
from packshot.wiring.preview import build_preview
from packshot.workshop import Product, Workshop

if TYPE_CHECKING:
    from packshot.kiosk.kiosk import Kiosk

log = logging.getLogger(__name__)

TICK_S = 0.5
TIDY_EVERY_S = 60.0
GRACE_S = 60.0
LARGEST_HEARD = 2 * MAX_CONTROL_BYTES  # what a box listens to is control messages


def tidy(spool: Spool) -> None:
    """Delete what is past its time; what cannot be deleted now is tried again in the next turn."""
    try:
        freed = spool.collect()
    except (RetryLater, GiveUpCapture) as error:  # a full disk, a busy index, a capture purged meanwhile
        logs.event(log, "spool not tidied", logging.WARNING, error=error)
        return
    if freed:
        logs.event(log, "spool tidied", freed_bytes=freed)


def serve(config: Config, control: Control, validate: Any) -> Ending:
    """One life of the daemon with one configuration."""
    with ExitStack() as stack:
        box = _Box(config, control, validate, stack)
        box.start()
        box.serve()
        ending = control.ending or Ending.STOP
        # After STOPPING=1 systemd waits for our end, and kills us if we come back: say that only when it is true.
        sd_notify.notify("STOPPING=1" if ending is Ending.STOP else "RELOADING=1")
        logs.event(log, "stopping", reason=ending.value)
    return ending


class _Box:
    """The parts of one running daemon. ``stack`` closes them in the reverse order of their making."""

    def __init__(self, config: Config, control: Control, validate: Any, stack: ExitStack) -> None:
        self.config, self.control, self._validate = config, control, validate
        self.fatal: StopDaemon | None = None
        self._tidy_at = 0.0
        self.device_id = wiring.device_id(config)
        self.root = f"{config.mqtt.root}/{self.device_id}"
        self.clock, self.vitals, self.board = SystemClock(trusted=config.device.clock_trusted), Vitals(), Board()
        self.spool = wiring.open_spool(config, self.clock)
        stack.callback(self.spool.close)
        self.cutting = wiring.build_cutting(config)
        stack.callback(self.cutting.close)
        self.bus = wiring.build_bus(
            config, f"packshot-{self.device_id}", f"{self.root}/status", self._on_fatal, LARGEST_HEARD
        )
        stack.callback(self.bus.close)
        self.announce = JobAnnouncer(self.bus, self.root, self.clock)
        self.outbox = self._build_outbox(stack)
        stack.callback(self.outbox.close)
        self.plates = wiring.build_plates(config, self.cutting)
        self.workshop = self._build_workshop()
        stack.callback(self.workshop.close, GRACE_S)
        self.lamp = devices.open_lamp(config.lamp)
        stack.callback(self.lamp.close)
        self.runtime = RuntimeFolder.of(os.environ)
        self.desk = self._build_desk()
        stack.callback(self.desk.close, GRACE_S)
        self.preview = build_preview(config, self.desk, lambda: self.workshop.busy)
        stack.callback(self.preview.close)
        self.glimpses = Glimpses(self.bus, self.root, self.preview, _glimpse_every_s(config))
        stack.callback(self.glimpses.close)
        self.trigger = devices.open_trigger(config.trigger)
        stack.callback(self.trigger.close)
        self.choices = wiring.build_choices(config, self.bus, self.root, self.cutting.presets)
        self.discovery = wiring.build_discovery(config, self.bus, self.root, self.board.model(), self.cutting.presets)
        self.actions = {"reload": self._reload, "restart": self._restart, "selftest": self._selftest}
        self.updates = UpdatePanel(self.bus, self.root, self.runtime)
        self.commands = self._build_commands()
        self.health = self._build_health()
        self.stats = Stats(self.bus, self.root, self.health.state, config.stats.every_s)
        self.announce.listen(self.stats.hear)
        self.exporter = self._open_exporter(stack)
        self.people: CaptureDesk | None = None
        self.kiosk = self._build_kiosk(stack) if config.kiosk.enabled else None

    def start(self) -> None:
        """Set everything going, the bus last: from then on requests come in."""
        self.outbox.start()
        self.workshop.start()
        self.desk.start()
        self.commands.start()
        self.choices.start()
        self.discovery.start()
        self.updates.start()
        self.trigger.start(self._on_trigger)
        if self.people:
            self.people.start()
        if self.kiosk:
            self.kiosk.start()
        self.bus.start(self._on_connected)
        sd_notify.notify("READY=1", f"STATUS=serving as {self.device_id}, engine {self.cutting.accelerator.engine}")
        logs.event(log, "serving", device=self.device_id, engine=self.cutting.accelerator.engine, pid=os.getpid())

    def serve(self) -> None:
        """Tick until somebody asks for an end; raises the StopDaemon error that a part has met."""
        while not self.control.wait(TICK_S):
            fatal = self.fatal or self.desk.fatal or self.workshop.fatal or (self.people and self.people.fatal)
            if fatal:
                raise fatal
            self.health.tick()
            self.stats.tick()
            self.glimpses.tick()
            self.updates.tick()
            self._tidy()
            if not self.vitals.stuck():
                sd_notify.notify("WATCHDOG=1")

    def _tidy(self) -> None:
        """Let delivered captures go, by the rules of retention."""
        now = time.monotonic()
        if now >= self._tidy_at:
            self._tidy_at = now + TIDY_EVERY_S
            tidy(self.spool)

    def _build_outbox(self, stack: ExitStack) -> Outbox:
        section = self.config.outbox
        settings = OutboxSettings(section.lease_s, section.in_flight, max_disconnects=section.max_disconnects)
        beat = self.vitals.pulse("outbox", idle_limit_s=30.0).beat
        claim_check = wiring.open_claim_check(self.config)
        if claim_check:
            stack.callback(claim_check.store.close)
        return Outbox(self.spool, self.bus, self.root, settings, self.announce, self._on_fatal, beat, claim_check)

    def _build_workshop(self) -> Workshop:
        cut = self.config.cut
        return Workshop(
            self.spool,
            self.cutting.cutter,
            self.cutting.composer,
            self.cutting.options,
            self.cutting.presets,
            Product(
                preset=cut.preset,
                keep_cutout=cut.keep_cutout,
                keep_mask=cut.keep_mask,
                keep_layers=cut.keep_layers,
                max_attempts=cut.max_attempts,
                timeout_s=cut.timeout_s,
            ),
            self.announce,
            self._on_cut,
            self.plates.current,
            Attempts(Path(self.config.spool.path).parent / "cutting.json"),
            self.vitals.pulse("workshop"),
        )

    def _build_desk(self) -> CaptureDesk:
        return CaptureDesk(
            devices.open_camera(self.config.camera),
            self.lamp,
            self.spool,
            self.announce,
            self._expired,
            self.vitals.pulse("capture"),
            DeskSettings(self.config.camera.timeout_s, backdrops=tuple(self.config.lamp.backdrops) or ("",)),
            self.workshop.wake,
            self.runtime.capture_in_hand,
        )

    def _build_commands(self) -> Commands:
        return Commands(
            self.bus,
            self.root,
            self.desk,
            self.spool,
            self.choices.complete,
            self.announce,
            self.outbox.wake,
            self.actions,
            self._on_plate,
        )

    def _build_health(self) -> Health:
        info = device_info(self.cutting.accelerator, self.board, wiring.capabilities(self.config, self.cutting))
        return Health(
            self.bus,
            self.root,
            self.spool,
            info,
            self._problems,
            lambda: self.cutting.accelerator.engine,
            lambda: self.desk.busy,
            self._utc,
            self.board,
            keep=self.runtime.keep_state,
        )

    def _open_exporter(self, stack: ExitStack) -> Exporter | None:
        if not self.config.stats.prometheus_port:
            return None
        exporter = Exporter(self.config.stats.prometheus_port, self.stats.metrics)
        stack.callback(exporter.close)
        return exporter

    def _build_kiosk(self, stack: ExitStack) -> "Kiosk":
        """Its modules are imported only here: the libraries of the pages are an extra."""
        check_kiosk(self.config.kiosk)
        from packshot.kiosk.kiosk import Kiosk
        from packshot.kiosk.parts import Parts, Stage

        products = Stage(self.desk, self.preview)
        self.people = self._build_people()
        people = products
        if self.people:
            people = Stage(self.people, build_preview(self.config, self.people, lambda: self.workshop.busy))
            stack.callback(self.people.close, GRACE_S)
            stack.callback(people.preview.close)
        studio = KioskStudio(self.config) if self.config.kiosk.id_photos else None
        if studio:
            stack.callback(studio.close)
        parts = Parts(
            device_id=self.device_id,
            name=self.config.device.name,
            bus=self.bus,
            spool=self.spool,
            products=products,
            people=people,
            plates=self.plates,
            choices=self.choices,
            presets=self.cutting.presets,
            skus=wiring.known_skus(self.config),
            lamp=self.lamp,
            encoder=view_encoder(),
            announce=self.announce,
            wake=self.outbox.wake,
            state=self.health.state,
            info=device_info(self.cutting.accelerator, self.board, wiring.capabilities(self.config, self.cutting)),
            actions=self.actions,
            loaded=self._validate,
            studio=studio.studio if studio else None,
        )
        kiosk = Kiosk(self.config.kiosk, parts, self._on_fatal)
        stack.callback(kiosk.close)
        self.announce.listen(kiosk.hear)
        return kiosk

    def _build_people(self) -> CaptureDesk | None:
        """The desk of the camera that faces people, where there is one; nothing it takes comes near the spool."""
        camera = open_id_camera(self.config)
        if camera is None:
            return None
        settings, pulse = DeskSettings(self.config.id_camera.timeout_s), self.vitals.pulse("id camera")
        lamp = devices.open_lamp(LampSection())
        return CaptureDesk(camera, lamp, self.spool, self.announce, self._expired, pulse, settings, lambda: None)

    def _problems(self) -> Mapping[str, str]:
        return {
            "camera": self.desk.camera_problem,
            "engine": self.workshop.engine_problem or self.cutting.engine_problem(),
            "lamp": self.lamp.problem,
            "broker": self.bus.problem,
            "notices": self.bus.unsaid,
            "trigger": self.trigger.problem,
            "worker": ", ".join(self.vitals.stuck()),
            "metrics": self.exporter.problem if self.exporter else "",
            "kiosk": self.kiosk.problem if self.kiosk else "",
            "id camera": self.people.camera_problem if self.people else "",
        }

    def _on_connected(self) -> None:
        self.health.on_connected()
        self.choices.on_connected()
        self.discovery.on_connected()
        self.updates.on_connected()
        self.outbox.wake()

    def _on_cut(self, capture: Capture, result: CutResult) -> None:
        self.outbox.wake()
        self.stats.cut(result.engine, result.stage_ms)
        if self.kiosk:
            self.kiosk.on_cut(capture, result)
        publish_last_image(self.bus, self.root, self.cutting.composer, result)

    def _on_plate(self, command: PlateVerb, respond: Respond) -> None:
        if command.forget:
            self.plates.forget()
            respond(Outcome(command.request_id))
        else:
            self.desk.submit_plate(command.request_id, respond, self.plates.keep)

    def _on_trigger(self, action: TriggerAction, sku: str) -> None:
        if action is TriggerAction.PLATE:
            self._on_plate(PlateVerb(mint_request_id()), _log_outcome)
        if action is TriggerAction.CAPTURE:
            request = CaptureRequest(mint_request_id(), sku=sku, source="trigger")
            try:
                self.desk.submit(self.choices.complete(request), _log_outcome)
            except BadMessage as error:  # a code that the catalogue does not have
                _log_outcome(Outcome(request.request_id, error=str(error)))

    def _on_fatal(self, error: StopDaemon) -> None:
        self.fatal = error

    def _expired(self, expires_at: str) -> bool:
        if not self.clock.synchronised():
            return False
        try:
            return parse_rfc3339(expires_at) < self.clock.now_ms()
        except ValueError as error:
            raise BadMessage(f"expires_at: {error}") from error

    def _utc(self) -> str:
        return rfc3339(self.clock.now_ms())

    def _reload(self) -> Mapping[str, Any]:
        try:
            self._validate()
        except StopDaemon as error:  # of the configuration, of a preset or spec, of a network
            raise BadMessage(f"not reloaded: {error}") from error
        self.control.ask(Ending.RELOAD)
        return {"reloading": True}

    def _selftest(self) -> Mapping[str, Any]:
        """The golden photo through an engine of its own, so that captures go on meanwhile; the camera as last seen."""
        cutting = wiring.build_cutting(self.config)
        results = [
            check_engine(cutting.cutter, golden_photo(), golden_alpha()),
            PartResult("camera", not self.desk.camera_problem, self.desk.camera_problem or "no problem"),
            check_spool(Path(self.config.spool.path)),
        ]
        cutting.close()
        parts = [{"part": result.part, "ok": result.ok, "text": result.text} for result in results]
        return {"passed": all(result.ok for result in results), "parts": parts}

    def _restart(self) -> Mapping[str, Any]:
        self.control.ask(Ending.RESTART)
        return {"restarting": True}


def _glimpse_every_s(config: Config) -> float:
    """Never, where people may stand before the camera for an ID photo."""
    people = config.kiosk.enabled and config.kiosk.id_photos and config.id_camera.kind == "absent"
    return 0.0 if people else config.mqtt.preview_every_s


def _log_outcome(outcome: Outcome) -> None:
    if outcome.error:
        logs.event(log, "trigger refused", logging.WARNING, error=outcome.error)
