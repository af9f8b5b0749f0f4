"""Cameras, engines, triggers and lamps from their tables of the configuration."""

import os
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from packshot.accelerator.port import Accelerator
from packshot.camera.port import Camera
from packshot.config import CameraSection, LampSection, ModelSection, TriggerSection
from packshot.encode.photo import decode_photo
from packshot.errors import ConfigError
from packshot.lamp.port import Lamp
from packshot.matting.card import ModelCard
from packshot.matting.tensor import network_input
from packshot.platform.resources import golden_photo, load_card, released_model
from packshot.trigger.port import Trigger
from packshot.wiring.plugins import plugin

if TYPE_CHECKING:
    from packshot.accelerator.guarded import GuardedAccelerator

ENGINES = ("auto", "litert", "tflite-runtime")
CAMERAS = ("absent", "folder", "scenes", "opencv", "picamera2", "gstreamer")
TRIGGERS = ("absent", "timer", "stdin", "button")
LAMPS = ("absent", "gpio")


def find_model(section: ModelSection) -> tuple[ModelCard, Path]:
    """Card and path of the configured network; raises ModelError."""
    return load_card(Path(section.path)) if section.path else released_model(section.name)


def check_model(section: ModelSection) -> None:
    """Raises ConfigError or ModelError where ``open_engine`` would for an unknown engine or a network without card."""
    find_model(section)
    if section.engine not in ENGINES:
        raise ConfigError(f"model.engine {section.engine!r} is unknown; known: {', '.join(ENGINES)}")
    if section.edgetpu_path or section.onnx_path:
        _find_quicker(section)


def open_engine(section: ModelSection) -> tuple[Accelerator, Callable[[], str]]:
    """The configured engine with the configured network, and what to ask for its trouble.

    With ``model.edgetpu_path`` or ``model.onnx_path`` that engine works and the CPU stands by. Raises ConfigError,
    ModelError or AcceleratorError.
    """
    from packshot.accelerator.litert import LiteRT

    check_model(section)
    card, path = find_model(section)
    cpu = LiteRT(path, card, threads=section.threads or default_threads(), runtime=section.engine)
    if not section.edgetpu_path and not section.onnx_path:
        return cpu, lambda: ""
    guarded = _guarded(section, cpu)
    return guarded, lambda: guarded.problem


def _guarded(section: ModelSection, cpu: Accelerator) -> "GuardedAccelerator":
    from packshot.accelerator.edgetpu import EdgeTPU
    from packshot.accelerator.guarded import GuardedAccelerator
    from packshot.accelerator.onnx import OnnxEngine

    golden = network_input(decode_photo(golden_photo()).pixels, cpu.card)
    card, path = _find_quicker(section)
    engine = EdgeTPU if section.edgetpu_path else OnnxEngine
    return GuardedAccelerator(partial(engine, path, card), cpu, golden)


def _find_quicker(section: ModelSection) -> tuple[ModelCard, Path]:
    """The same network for the Edge TPU or, where none is named, for onnxruntime."""
    if section.edgetpu_path:
        return load_card(Path(section.edgetpu_path))
    if section.onnx_path == "released":
        return released_model(f"{section.name}.onnx")
    return load_card(Path(section.onnx_path))


def default_threads() -> int:
    """One less than the cores we may use; both where there are two, which pays even beside a thread that decodes."""
    cores = len(os.sched_getaffinity(0))
    return max(min(cores, 2), cores - 1)


def open_camera(section: CameraSection) -> Camera:
    """The configured camera; raises ConfigError for an unknown kind, never for missing hardware."""
    match section.kind:
        case "absent":
            from packshot.camera.absent import AbsentCamera

            return AbsentCamera()
        case "folder":
            from packshot.camera.folder import FolderCamera

            return FolderCamera(Path(_required(section.source, "camera.source", "the folder of photos")))
        case "scenes":
            from packshot.camera.scenes import ScenesCamera

            return ScenesCamera(Path(_required(section.source, "camera.source", "the folder of scenes")))
        case "opencv" | "picamera2" | "gstreamer":
            return _in_worker(section)
        case kind:
            camera: Camera = plugin("packshot.cameras", kind, "camera.kind", CAMERAS)(section)
            return camera


def _in_worker(section: CameraSection) -> Camera:
    """A camera with a driver, in a process of its own: drivers hang, and a process can be killed."""
    from packshot.camera.worker import WorkerCamera

    make = _driver(section)
    camera = make()  # a wrong control is a mistake to report now; no device is touched
    camera.close()
    return WorkerCamera(make, camera.info)


def _driver(section: CameraSection) -> Callable[[], Camera]:
    options: dict[str, Any] = {"width": section.width, "height": section.height, "controls": section.controls}
    if section.kind == "picamera2":
        from packshot.camera.picamera import PiCamera

        return partial(PiCamera, int(section.source or "0"), **options)
    source = _required(section.source, "camera.source", "a device, an address or a pipeline")
    if section.kind == "gstreamer":
        from packshot.camera.gstreamer import GStreamerCamera

        return partial(GStreamerCamera, source, **options)
    from packshot.camera.opencv import OpenCVCamera

    return partial(OpenCVCamera, source, stream_delay_s=section.stream_delay_s or None, **options)


def open_trigger(section: TriggerSection) -> Trigger:
    """The configured local trigger; with ``trigger.scanner`` a scan sets the SKU, or fires where there is no other.

    Raises ConfigError for an unknown kind, never for missing hardware.
    """
    shutter = _open_shutter(section)
    if not section.scanner:
        return shutter
    from packshot.trigger.scanned import ScannedSku
    from packshot.trigger.scanner import ScannerTrigger

    scanner = ScannerTrigger(section.scanner)
    return scanner if section.kind == "absent" else ScannedSku(shutter, scanner)


def _open_shutter(section: TriggerSection) -> Trigger:
    match section.kind:
        case "absent":
            from packshot.trigger.absent import AbsentTrigger

            return AbsentTrigger()
        case "timer":
            from packshot.trigger.timer import TimerTrigger

            return TimerTrigger(section.interval_s)
        case "stdin":
            from packshot.trigger.stdin import StdinTrigger

            return StdinTrigger()
        case "button":
            from packshot.trigger.button import ButtonTrigger

            return ButtonTrigger(
                section.chip, section.line, active_low=section.active_low, long_press_s=section.long_press_s
            )
        case kind:
            trigger: Trigger = plugin("packshot.triggers", kind, "trigger.kind", TRIGGERS)(section)
            return trigger


def open_lamp(section: LampSection) -> Lamp:
    """The configured lamps; raises ConfigError for an unknown kind, never for missing hardware."""
    match section.kind:
        case "absent":
            from packshot.lamp.absent import AbsentLamp

            return AbsentLamp()
        case "gpio":
            from packshot.lamp.gpio import GpioLamp

            sign = section.sign_line if section.sign_line >= 0 else None
            return GpioLamp(section.chip, section.channels, sign_line=sign, settle_s=section.settle_s)
        case kind:
            lamp: Lamp = plugin("packshot.lamps", kind, "lamp.kind", LAMPS)(section)
            return lamp


def _required(value: str, key: str, what: str) -> str:
    if not value:
        raise ConfigError(f"{key} is empty; name {what}")
    return value
