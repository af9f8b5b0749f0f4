"""The live preview: who watches gets pictures of what they asked for, nobody watching costs nothing."""

import threading
from collections.abc import Callable, Iterator
from io import BytesIO

import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from packshot.accelerator.port import Accelerator
from packshot.encode.picture import FileEncoder
from packshot.errors import AcceleratorError
from packshot.livemasks import MaskSettings
from packshot.preview import LivePreview, PreviewFrame, PreviewMode, PreviewSettings
from tests.fakes.known_mask import KnownMask
from tools.make_scenes import Scene, make_scene

RGB8 = NDArray[np.uint8]
SECONDS = 20.0


class Table:
    """A camera's owner in memory: ``put`` shows a picture to whoever watches."""

    def __init__(self) -> None:
        self.show: Callable[[RGB8], None] | None = None

    def watch(self, show: Callable[[RGB8], None] | None) -> None:
        self.show = show

    def put(self, picture: RGB8) -> None:
        if self.show:
            self.show(picture)


class Engine(KnownMask):
    """Tells when it was closed; thinks for as long as it is not ``free`` to answer."""

    def __init__(self, mask: NDArray[np.float32]) -> None:
        super().__init__(mask)
        self.freed, self.free = threading.Event(), threading.Event()
        self.free.set()

    def infer(self, tensor: NDArray[np.int8]) -> NDArray[np.int8]:
        self.free.wait(SECONDS)
        return super().infer(tensor)

    def close(self) -> None:
        super().close()
        self.freed.set()


class Engines:
    """Opens engines that know the mask; counts what is open, refuses while ``problem`` says so."""

    def __init__(self, mask: NDArray[np.float32]) -> None:
        self.problem = ""
        self.opened: list[Engine] = []
        self._mask = mask

    def __call__(self) -> Accelerator:
        if self.problem:
            raise AcceleratorError(self.problem)
        self.opened.append(Engine(self._mask))
        return self.opened[-1]


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene("mug", 480, 640, 2)


@pytest.fixture
def table() -> Table:
    return Table()


@pytest.fixture
def engines(scene: Scene) -> Engines:
    return Engines(scene.alpha)


@pytest.fixture
def preview(table: Table, engines: Engines) -> Iterator[LivePreview]:
    live = LivePreview(table, engines, FileEncoder(1), PreviewSettings(masks=MaskSettings(retry_s=0.0)))
    yield live
    live.close()


def seen(table: Table, preview: LivePreview, mode: PreviewMode, picture: RGB8) -> PreviewFrame:
    """What a newcomer sees of one picture."""
    with preview.subscribe(mode) as pictures:
        table.put(picture)
        frame = pictures.next(SECONDS)
    assert frame is not None
    return frame


def pixels(frame: PreviewFrame) -> NDArray[np.uint8]:
    return np.asarray(Image.open(BytesIO(frame.data)))


def test_the_cutout_stands_before_plain_white(table: Table, preview: LivePreview, scene: Scene) -> None:
    frame = seen(table, preview, PreviewMode.CUTOUT, scene.photo)

    shown = pixels(frame).astype(int)
    assert (frame.media_type, frame.width, frame.height) == ("image/jpeg", 640, 480)
    assert shown[scene.alpha == 0].mean() > 253
    assert np.abs(shown - scene.photo)[scene.alpha == 1].mean() < 5


def test_transparent_frames_carry_the_mask(table: Table, preview: LivePreview, scene: Scene) -> None:
    frame = seen(table, preview, PreviewMode.TRANSPARENT, scene.photo)

    rgba = pixels(frame)
    assert frame.media_type == "image/png"
    assert np.abs(rgba[..., 3] / 255 - scene.alpha).mean() < 0.004
    assert not rgba[rgba[..., 3] == 0].any()
    rows, columns = np.flatnonzero(rgba[..., 3].any(axis=1)), np.flatnonzero(rgba[..., 3].any(axis=0))
    assert frame.bbox is not None
    assert list(frame.bbox) == [columns[0], rows[0], np.ptp(columns) + 1, np.ptp(rows) + 1]


def test_the_outline_is_drawn_where_the_subject_ends(table: Table, preview: LivePreview, scene: Scene) -> None:
    shown = pixels(seen(table, preview, PreviewMode.OUTLINE, scene.photo)).astype(int)

    changed = np.abs(shown - scene.photo).max(axis=2) > 60
    edge = np.hypot(*np.gradient(scene.alpha)) > 0.05
    assert changed[edge].mean() > 0.5
    assert changed[~edge].mean() < 0.02


def test_the_plain_picture_needs_no_engine(table: Table, preview: LivePreview, engines: Engines, scene: Scene) -> None:
    frame = seen(table, preview, PreviewMode.PLAIN, scene.photo)

    assert np.abs(pixels(frame).astype(int) - scene.photo).mean() < 4
    assert engines.opened == []


def test_large_pictures_are_shown_small(table: Table, preview: LivePreview) -> None:
    frame = seen(table, preview, PreviewMode.PLAIN, np.full((1200, 900, 3), 90, np.uint8))

    assert (frame.width, frame.height) == (480, 640)


def test_the_camera_is_left_alone_while_nobody_watches(table: Table, preview: LivePreview) -> None:
    assert table.show is None

    with preview.subscribe(PreviewMode.PLAIN), preview.subscribe(PreviewMode.CUTOUT):
        assert table.show is not None
    assert table.show is None
    assert not preview.watched


def test_a_slow_onlooker_misses_frames_and_sees_the_newest(table: Table, preview: LivePreview) -> None:
    with preview.subscribe(PreviewMode.PLAIN) as slow, preview.subscribe(PreviewMode.PLAIN) as fast:
        for value in (20, 90, 200):
            table.put(np.full((40, 60, 3), value, np.uint8))
            assert fast.next(SECONDS)

        frame = slow.next(SECONDS)

        assert frame is not None
        assert frame.number == 3
        assert abs(int(pixels(frame)[20, 30, 0]) - 200) < 5
        assert slow.next(0.0) is None


def test_a_newcomer_sees_a_scene_that_stands_still(table: Table, preview: LivePreview) -> None:
    """The camera of a folder shows the same picture for ever."""
    picture = np.full((40, 60, 3), 120, np.uint8)
    with preview.subscribe(PreviewMode.PLAIN) as first:
        table.put(picture)
        assert first.next(SECONDS)
        table.put(picture)
        assert first.next(0.1) is None

        with preview.subscribe(PreviewMode.PLAIN) as second:
            table.put(picture)
            assert second.next(SECONDS)


def test_an_engine_that_fails_leaves_the_plain_picture_and_comes_back(
    table: Table, preview: LivePreview, engines: Engines, scene: Scene
) -> None:
    engines.problem = "the engine is out; plug it in"
    failed = seen(table, preview, PreviewMode.CUTOUT, scene.photo)

    assert failed.mode is PreviewMode.PLAIN
    assert preview.problem == engines.problem
    engines.problem = ""
    assert seen(table, preview, PreviewMode.CUTOUT, scene.photo).mode is PreviewMode.CUTOUT
    assert preview.problem == ""


def test_an_engine_that_nobody_needs_is_freed(table: Table, engines: Engines, scene: Scene) -> None:
    live = LivePreview(table, engines, FileEncoder(1), PreviewSettings(keep_s=0.05))
    seen(table, live, PreviewMode.CUTOUT, scene.photo)

    assert engines.opened[0].freed.wait(SECONDS)
    live.close()


def test_while_a_capture_is_cut_out_the_last_mask_serves_and_the_engine_rests(
    table: Table, engines: Engines, scene: Scene
) -> None:
    cutting = threading.Event()
    live = LivePreview(table, engines, FileEncoder(1), cutting=cutting.is_set)
    with live.subscribe(PreviewMode.TRANSPARENT) as pictures:
        table.put(scene.photo)
        before = pictures.next(SECONDS)
        cutting.set()
        engines.opened[0].close()  # would fail now
        table.put(255 - scene.photo)
        after = pictures.next(SECONDS)
    live.close()

    assert before is not None
    assert after is not None
    np.testing.assert_array_equal(pixels(after)[..., 3], pixels(before)[..., 3])
    assert live.problem == ""


def test_the_picture_moves_on_while_the_network_is_slow(table: Table, engines: Engines, scene: Scene) -> None:
    live = LivePreview(table, engines, FileEncoder(1), PreviewSettings(patience_s=0.0))
    with live.subscribe(PreviewMode.TRANSPARENT) as pictures:
        table.put(scene.photo)
        before = pictures.next(SECONDS)
        engines.opened[0].free.clear()
        moved = np.roll(scene.photo, 40, axis=1)
        table.put(moved)
        after = pictures.next(SECONDS)
        engines.opened[0].free.set()
    live.close()

    assert before is not None
    assert after is not None
    rgba = pixels(after)
    np.testing.assert_array_equal(rgba[..., 3], pixels(before)[..., 3])
    np.testing.assert_array_equal(rgba[rgba[..., 3] > 0][:, :3], moved[rgba[..., 3] > 0])


def test_a_new_onlooker_never_sees_the_mask_of_long_ago(table: Table, engines: Engines, scene: Scene) -> None:
    live = LivePreview(table, engines, FileEncoder(1), PreviewSettings(patience_s=0.0))
    seen(table, live, PreviewMode.TRANSPARENT, scene.photo)
    engines.opened[0].close()  # fails: there is no mask of what is seen now

    assert seen(table, live, PreviewMode.TRANSPARENT, scene.photo).mode is PreviewMode.PLAIN
    live.close()


def test_closing_ends_whoever_waits(table: Table, preview: LivePreview) -> None:
    subscription = preview.subscribe(PreviewMode.PLAIN)
    ended: list[int] = []
    onlooker = threading.Thread(target=lambda: ended.append(len(list(subscription.frames()))))
    onlooker.start()

    preview.close()

    onlooker.join(SECONDS)
    assert ended == [0]
    assert preview.subscribe().next(SECONDS) is None


@pytest.mark.parametrize("shape", [(1, 1, 3), (1, 640, 3), (300, 1, 3)])
@pytest.mark.parametrize("mode", list(PreviewMode))
def test_odd_pictures_do_no_harm(table: Table, preview: LivePreview, shape: tuple[int, ...], mode: PreviewMode) -> None:
    frame = seen(table, preview, mode, np.full(shape, 128, np.uint8))

    assert (frame.height, frame.width) == shape[:2]
