"""The workshop: what the spool accepted becomes artefacts, whatever the photo and whatever happened before."""

import io
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image, ImageSequence

from packshot.composer import Composer
from packshot.cutout import CutOptions, Cutter
from packshot.domain import Capture, CaptureRequest, Frame, Shutter, ShutterProof, Stage
from packshot.encode.photo import FileDecoder
from packshot.encode.picture import FileEncoder
from packshot.errors import AcceleratorError
from packshot.matting.card import ModelCard, TensorSpec
from packshot.platform.attempts import Attempts
from packshot.platform.pulse import Pulse
from packshot.platform.resources import package_path
from packshot.presets import presets_from_toml
from packshot.spool.sqlite_spool import SqliteSpool
from packshot.workshop import Product, Workshop
from tests.fakes.accelerator import FakeAccelerator
from tests.support.spool import ROOMY

SPEC = TensorSpec(64, 64, 3, 0.02, 0)
CARD = ModelCard(
    "bright-things", "1", "x", "0" * 64, SPEC, TensorSpec(64, 64, 1, 0.1, 0), (0.5,) * 3, (0.25,) * 3, "stretch"
)


def photo(subject: bool = True) -> bytes:
    """A bright square on a dark stage, which the fake engine takes for the subject."""
    picture = np.full((240, 320, 3), 20, np.uint8)
    if subject:
        picture[60:180, 100:220] = (90, 200, 250)
    return cv2.imencode(".jpg", picture, [cv2.IMWRITE_JPEG_QUALITY, 95])[1].tobytes()


@pytest.fixture
def spool(tmp_path: Path) -> Iterator[SqliteSpool]:
    opened = SqliteSpool(tmp_path / "spool", limits=ROOMY)
    yield opened
    assert opened.check() == []
    opened.close()


@pytest.fixture
def engine() -> FakeAccelerator:
    return FakeAccelerator(CARD)


@pytest.fixture
def steps() -> list[tuple[str, Stage, str, str]]:
    return []


@pytest.fixture
def build(
    spool: SqliteSpool, engine: FakeAccelerator, steps: list[tuple[str, Stage, str, str]], tmp_path: Path
) -> Callable[..., Workshop]:
    presets = presets_from_toml(package_path("presets.toml").read_text(), "presets.toml")

    def make(product: Product | None = None) -> Workshop:
        return Workshop(
            spool,
            Cutter(engine, FileDecoder()),
            Composer(FileEncoder()),
            CutOptions(),
            presets,
            product or Product("web", keep_mask=True),
            lambda *step: steps.append(step),
            lambda capture, result: None,
            lambda: (),
            Attempts(tmp_path / "cutting.json"),
            Pulse("workshop"),
        )

    return make


def accepted(spool: SqliteSpool, data: bytes, **request: str) -> Capture:
    frame = Frame(data, "image/jpeg", Shutter(ShutterProof.BOUNDED, 0.01))
    return spool.accept(CaptureRequest(request.pop("request_id", "r1"), **request), [frame])


def after(spool: SqliteSpool, capture: Capture) -> Capture:
    found = spool.get(capture.capture_id)
    assert found is not None
    return found


def test_a_photo_becomes_picture_cutout_and_mask(
    spool: SqliteSpool, build: Callable[..., Workshop], steps: list[tuple[str, Stage, str, str]]
) -> None:
    capture = accepted(spool, photo(), sku="A-1")
    assert build().step()
    done = after(spool, capture)
    assert done.stage is Stage.CUT
    assert [(item.name, item.kind) for item in done.deliverables()] == [
        ("web.webp", "picture"),
        ("cutout.png", "cutout"),
        ("mask.png", "mask"),
    ]
    mask = cv2.imdecode(np.frombuffer(spool.read(done.capture_id, "mask.png"), np.uint8), cv2.IMREAD_GRAYSCALE)
    truth = np.zeros((240, 320), bool)
    truth[60:180, 100:220] = True
    assert np.count_nonzero((mask > 127) & truth) / np.count_nonzero((mask > 127) | truth) > 0.97
    assert [(stage, request) for _, stage, request, _ in steps] == [(Stage.CUT, "r1")]
    assert done.engine == "fake"


def test_the_retoucher_gets_cutout_mask_and_original_in_one_file(
    spool: SqliteSpool, build: Callable[..., Workshop]
) -> None:
    capture = accepted(spool, photo())
    build(Product("web", keep_cutout=False, keep_layers=True)).step()
    layers = spool.read(capture.capture_id, "layers.tiff")
    with Image.open(io.BytesIO(layers)) as tiff:
        sizes = [page.size for page in ImageSequence.Iterator(tiff)]
    assert sizes == [(320, 240)] * 3


def test_the_requests_preset_wins_over_the_configured_one(spool: SqliteSpool, build: Callable[..., Workshop]) -> None:
    capture = accepted(spool, photo(), preset="amazon-main")
    build(Product("web", keep_cutout=False)).step()
    assert [item.name for item in after(spool, capture).deliverables()] == ["amazon-main.jpg"]


def test_an_empty_stage_publishes_nothing(spool: SqliteSpool, build: Callable[..., Workshop]) -> None:
    capture = accepted(spool, photo(subject=False))
    build().step()
    done = after(spool, capture)
    assert done.stage is Stage.EMPTY
    assert done.deliverables() == ()


def test_a_picture_that_is_none_fails_with_its_reason_and_the_next_is_cut(
    spool: SqliteSpool, build: Callable[..., Workshop], steps: list[tuple[str, Stage, str, str]]
) -> None:
    bad = accepted(spool, b"not a picture", request_id="bad")
    good = accepted(spool, photo(), request_id="good")
    workshop = build()
    assert [workshop.step(), workshop.step(), workshop.step()] == [True, True, False]
    assert after(spool, bad).stage is Stage.FAILED
    assert "picture" in after(spool, bad).reason
    assert after(spool, good).stage is Stage.CUT
    assert [stage for _, stage, _, _ in steps] == [Stage.FAILED, Stage.CUT]


def test_flipped_bytes_on_the_card_fail_the_capture_and_publish_nothing(
    spool: SqliteSpool, build: Callable[..., Workshop]
) -> None:
    capture = accepted(spool, photo())
    original = spool.path(capture.capture_id, capture.artefacts[0].name)
    data = bytearray(original.read_bytes())
    data[len(data) // 2] ^= 1
    original.chmod(0o640)
    original.write_bytes(data)
    build().step()
    assert after(spool, capture).stage is Stage.FAILED
    data[len(data) // 2] ^= 1
    original.write_bytes(data)  # so that the spool's own check at the end of the test finds it whole


def test_a_failing_engine_postpones_and_never_fails_a_capture(
    spool: SqliteSpool, build: Callable[..., Workshop], engine: FakeAccelerator
) -> None:
    capture = accepted(spool, photo())
    engine.fault = AcceleratorError("no answer")
    workshop = build()
    for _ in range(5):
        with pytest.raises(AcceleratorError):
            workshop.step()
    assert after(spool, capture).stage is Stage.ACCEPTED
    engine.fault = None
    workshop.step()
    assert after(spool, capture).stage is Stage.CUT


def test_an_error_nobody_foresaw_fails_its_capture_alone(
    spool: SqliteSpool, build: Callable[..., Workshop], engine: FakeAccelerator
) -> None:
    bad = accepted(spool, photo(), request_id="bad")
    workshop = build()
    engine.fault = ZeroDivisionError("nobody thought of this")
    workshop.step()
    engine.fault = None
    good = accepted(spool, photo(), request_id="good")
    workshop.step()
    assert (after(spool, bad).stage, after(spool, good).stage) == (Stage.FAILED, Stage.CUT)
    assert "nobody thought of this" in after(spool, bad).reason


@pytest.mark.parametrize("preset", presets_from_toml(package_path("presets.toml").read_text(), "presets.toml"))
def test_every_preset_that_is_shipped_can_be_asked_for(
    spool: SqliteSpool, build: Callable[..., Workshop], preset: str
) -> None:
    capture = accepted(spool, photo(), preset=preset)
    build(Product("web", keep_cutout=True, keep_mask=True, keep_layers=True)).step()
    assert after(spool, capture).stage is Stage.CUT


def test_a_preset_that_is_gone_fails_its_capture_alone(spool: SqliteSpool, build: Callable[..., Workshop]) -> None:
    """The operator took it out of the file while the photo waited, or before it was tried again."""
    gone = accepted(spool, photo(), request_id="gone", preset="summer-sale")
    good = accepted(spool, photo(), request_id="good")
    workshop = build()
    assert [workshop.step(), workshop.step(), workshop.step()] == [True, True, False]
    assert (after(spool, gone).stage, after(spool, good).stage) == (Stage.FAILED, Stage.CUT)
    assert "summer-sale" in after(spool, gone).reason


def test_a_capture_that_is_cancelled_and_purged_while_it_is_cut_is_let_go(
    spool: SqliteSpool, build: Callable[..., Workshop], engine: FakeAccelerator, monkeypatch: pytest.MonkeyPatch
) -> None:
    purged = accepted(spool, photo(), request_id="purged")
    good = accepted(spool, photo(), request_id="good")
    infer = engine.infer

    def infer_slowly(tensor: NDArray[np.int8]) -> NDArray[np.int8]:
        if spool.get(purged.capture_id):
            spool.advance(purged.capture_id, Stage.CANCELLED, "by the till")
            spool.purge(purged.capture_id)
        return infer(tensor)

    monkeypatch.setattr(engine, "infer", infer_slowly)
    workshop = build()
    assert [workshop.step(), workshop.step(), workshop.step()] == [True, True, False]
    assert spool.get(purged.capture_id) is None
    assert after(spool, good).stage is Stage.CUT


def test_a_photo_that_ends_the_process_three_times_fails(
    spool: SqliteSpool, build: Callable[..., Workshop], engine: FakeAccelerator, tmp_path: Path
) -> None:
    capture = accepted(spool, photo())
    for _ in range(3):
        Attempts(tmp_path / "cutting.json").begin(capture.capture_id)  # what a killed process leaves behind
    build().step()
    assert after(spool, capture).stage is Stage.FAILED
    assert "3 times" in after(spool, capture).reason


def test_work_goes_on_in_the_background_and_after_a_restart(spool: SqliteSpool, build: Callable[..., Workshop]) -> None:
    captures = [accepted(spool, photo(), request_id=f"r{number}") for number in range(3)]
    for _ in range(2):
        workshop = build()
        workshop.start()
        workshop.close(20)
    workshop = build()
    workshop.start()
    workshop.wake()
    for _ in range(200):
        if not spool.captures({Stage.ACCEPTED}):
            break
        time.sleep(0.05)
    workshop.close(20)
    assert {after(spool, capture).stage for capture in captures} == {Stage.CUT}
