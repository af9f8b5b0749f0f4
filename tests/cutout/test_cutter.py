"""From photo bytes to cutouts and the pictures of presets, with a mask known beforehand."""

from collections.abc import Iterator
from dataclasses import replace
from io import BytesIO

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image

from packshot.composer import Composer
from packshot.cut_result import CutResult, split
from packshot.cutout import CutOptions, Cutter
from packshot.domain import Decision
from packshot.encode.facts import lint
from packshot.encode.photo import FileDecoder, decode_photo
from packshot.encode.picture import FileEncoder
from packshot.encode.port import Photo
from packshot.errors import BadImage
from packshot.matting.refine import Profile
from packshot.platform.resources import package_path
from packshot.presets import Preset, presets_from_toml
from tests.fakes.known_mask import KnownMask
from tools.make_scenes import Scene, coarse_mask, drifted_plate, make_scene, two_backdrops

PRESETS = presets_from_toml(package_path("presets.toml").read_text(), "presets.toml")


def jpeg(rgb: NDArray[np.uint8]) -> bytes:
    out = BytesIO()
    Image.fromarray(rgb).save(out, "JPEG", quality=95, subsampling=0)
    return out.getvalue()


@pytest.fixture(scope="module")
def scene() -> Scene:
    return make_scene("mug", 1200, 1600, 2)


def cutter(scene: Scene, threads: int = 1) -> Cutter:
    return Cutter(KnownMask(coarse_mask(scene.alpha, 160, 0.5, 1)), FileDecoder(), threads=threads)


@pytest.fixture(scope="module")
def result(scene: Scene) -> Iterator[CutResult]:
    yield cutter(scene).cut(jpeg(scene.photo))


def sad(result: CutResult, scene: Scene) -> float:
    return float(np.abs(result.alpha() / 255 - scene.alpha).sum() / 1000)


def test_the_cutout_is_the_product_at_the_photos_size(result: CutResult, scene: Scene) -> None:
    assert (result.height, result.width) == (1200, 1600)
    assert result.verdict.decision is Decision.PUBLISH
    assert sad(result, scene) < 2.5
    assert result.engine == "known-mask"
    assert result.profile is Profile.HARD


def test_box_and_fill_say_where_it_is(result: CutResult) -> None:
    assert result.bbox is not None
    left, top, width, height = result.bbox
    rgba = result.rgba()
    rows, columns = np.flatnonzero(rgba[..., 3].any(axis=1)), np.flatnonzero(rgba[..., 3].any(axis=0))
    assert (left, top) == (columns[0], rows[0])
    assert (left + width - 1, top + height - 1) == (columns[-1], rows[-1])
    assert result.fill == pytest.approx(max(width / 1600, height / 1200))


def test_colour_under_alpha_zero_is_zero(result: CutResult) -> None:
    rgba = result.rgba()

    assert not rgba[rgba[..., 3] == 0].any()


def test_every_stage_has_a_time(result: CutResult) -> None:
    assert {"decode", "network", "edges", "colour", "verdict", "total"} <= result.stage_ms.keys()
    assert all(ms >= 0 for ms in result.stage_ms.values())


@pytest.mark.parametrize("threads", [1, 2])
def test_times_of_stages_stay_the_same_however_often_pixels_are_asked_for(threads: int, scene: Scene) -> None:
    cutting = cutter(scene, threads)
    cut = cutting.cut(jpeg(scene.photo))
    before = dict(cut.stage_ms)

    for _ in range(3):
        cut.subject.scaled(160, 120)
    cutting.close()

    assert dict(cut.stage_ms) == before


def test_two_threads_and_one_agree() -> None:
    """On two threads the network sees a reduced decode, so masks differ a little; cutouts hardly do."""
    big = make_scene("mug", 2400, 3200, 2)
    data, on_two = jpeg(big.photo), cutter(big, threads=2)

    one, two = cutter(big).cut(data), on_two.cut(data)
    on_two.close()

    assert "reduced" in two.stage_ms
    assert np.abs(one.alpha().astype(int) - two.alpha()).mean() < 0.2


@pytest.mark.parametrize("kind", ["mug", "fur"])
@pytest.mark.parametrize(("size", "needed"), [((2400, 3200), False), ((420, 560), True)])
def test_the_whole_is_averaged_only_where_the_photo_is_small(kind: str, size: tuple[int, int], needed: bool) -> None:
    big = make_scene(kind, *size, 2)
    on_two = cutter(big, threads=2)

    cut = on_two.cut(jpeg(big.photo))
    stages = cut.stage_ms
    on_two.close()

    assert ("shrink" in stages) is needed


@pytest.mark.parametrize("kind", ["mug", "fur"])
@pytest.mark.parametrize("size", [(2400, 3200), (1200, 1600), (2243, 2997)])
def test_colours_are_as_good_from_a_reduced_photo(size: tuple[int, int], kind: str) -> None:
    big = make_scene(kind, *size, 2)
    on_two = cutter(big, threads=2)

    errors = []
    for way in (cutter(big), on_two):
        rgba = way.cut(jpeg(big.photo)).rgba()
        band = (big.alpha > 0.05) & (big.alpha < 0.95) & (rgba[..., 3] > 0)
        errors.append(np.abs(rgba[..., :3] / 255 - big.foreground)[band].mean())
    on_two.close()

    assert errors[1] <= 1.1 * errors[0]


def test_a_photo_that_is_already_decoded_gives_the_same_as_its_bytes(scene: Scene) -> None:
    data = jpeg(scene.photo)

    by_bytes, by_photo = cutter(scene).cut(data), cutter(scene).cut(decode_photo(data))

    np.testing.assert_array_equal(by_bytes.rgba(), by_photo.rgba())


def test_an_empty_photo_is_looked_at_on_two_threads_without_a_fault() -> None:
    """Also where nobody asks for the colours, what estimates them must not fail unseen."""
    nothing = Cutter(KnownMask(np.zeros((160, 160), np.float32)), FileDecoder(), threads=2)

    cut = nothing.cut(jpeg(np.full((2400, 3200, 3), 120, np.uint8)))
    nothing.close()

    assert cut.verdict.decision is Decision.EMPTY
    assert "colour" in cut.stage_ms


def test_an_empty_scene_publishes_nothing(scene: Scene) -> None:
    empty = Cutter(KnownMask(np.zeros((160, 160), np.float32)), FileDecoder(), threads=1)

    nothing = empty.cut(Photo(scene.photo))

    assert nothing.verdict.decision is Decision.EMPTY
    assert nothing.bbox is None
    assert not nothing.rgba().any()
    with pytest.raises(ValueError, match="no subject"):
        Composer(FileEncoder()).picture(nothing, PRESETS["web"])


@pytest.mark.parametrize("threads", [1, 2])
@pytest.mark.parametrize("data", [b"", b"text", jpeg(np.zeros((1200, 1600, 3), np.uint8))[:5000]])
def test_bad_bytes_are_refused_and_the_next_photo_is_cut(data: bytes, threads: int, scene: Scene) -> None:
    cutting = cutter(scene, threads)

    with pytest.raises(BadImage):
        cutting.cut(data)

    assert cutting.cut(jpeg(scene.photo)).bbox is not None
    cutting.close()


@pytest.mark.parametrize("shape", [(1, 1), (1, 90), (90, 1), (2, 3)])
@pytest.mark.parametrize("value", [0, 128, 255])
def test_tiny_and_constant_photos_do_no_harm(shape: tuple[int, int], value: int, scene: Scene) -> None:
    cut = cutter(scene).cut(Photo(np.full((*shape, 3), value, np.uint8)))

    assert cut.rgba().shape == (*shape, 4)


def test_a_fully_covered_frame_is_held(scene: Scene) -> None:
    covered = Cutter(KnownMask(np.ones((160, 160), np.float32)), FileDecoder(), threads=1)

    assert covered.cut(Photo(scene.photo)).verdict.decision is Decision.HOLD


def test_a_plate_that_fits_lowers_the_error(scene: Scene) -> None:
    plate = Photo(drifted_plate(scene, 1))
    mask = coarse_mask(scene.alpha, 160, 1.0, 4)
    cutting = Cutter(KnownMask(mask), FileDecoder(), threads=1)

    without, by_plate = cutting.cut(Photo(scene.photo)), cutting.cut(Photo(scene.photo), plate=plate)

    assert by_plate.verdict.reasons == ()
    assert sad(by_plate, scene) < sad(without, scene)


def test_a_hole_that_the_network_filled_holds_the_cutout_and_a_plate_opens_it() -> None:
    ring = make_scene("ring", 600, 800, 3)
    outlines, _ = cv2.findContours((ring.alpha > 0.5).astype(np.uint8), cv2.RETR_EXTERNAL, cv2.CHAIN_APPROX_NONE)
    filled = cv2.drawContours(np.zeros_like(ring.alpha), outlines, -1, 1.0, -1)
    cutting = Cutter(KnownMask(coarse_mask(np.asarray(filled, np.float32), 160, 0.5, 1)), FileDecoder(), threads=1)

    without = cutting.cut(Photo(ring.photo))
    by_plate = cutting.cut(Photo(ring.photo), plate=Photo(drifted_plate(ring, 1)))

    assert without.verdict.decision is Decision.HOLD
    assert without.verdict.reasons == ("a part of the subject looks like the background",)
    assert by_plate.verdict.decision is Decision.PUBLISH
    assert sad(by_plate, ring) < sad(without, ring) / 10


@pytest.mark.parametrize(("change", "reason"), [("size", "another size"), ("product", "shows the product")])
def test_a_plate_that_does_not_fit_is_not_used_and_said(scene: Scene, change: str, reason: str) -> None:
    plate = Photo(scene.photo[:600] if change == "size" else scene.photo)

    cut = cutter(scene).cut(Photo(scene.photo), plate=plate)

    assert cut.verdict.decision is Decision.HOLD
    assert any(reason in text for text in cut.verdict.reasons)
    assert sad(cut, scene) < 2.5


def test_two_backdrops_keep_the_transparency_of_glass() -> None:
    glass = make_scene("glass", 600, 800, 1)
    photos = [Photo(picture) for picture in two_backdrops(glass, 1)]

    cut = cutter(glass).cut_pair((photos[0], photos[1]), (photos[2], photos[3]))

    assert np.abs(cut.alpha() / 255 - glass.alpha).mean() < 0.005
    assert cut.verdict.decision is Decision.PUBLISH


def test_several_products_come_out_one_by_one() -> None:
    several = make_scene("several", 600, 800, 1)
    whole = cutter(several).cut(Photo(several.photo))

    parts = split(whole)

    assert len(parts) == 3
    np.testing.assert_array_equal(sum(part.rgba().astype(int) for part in parts), whole.rgba())
    assert all(part.bbox != whole.bbox for part in parts)


@pytest.mark.parametrize("name", sorted(PRESETS))
def test_every_shipped_preset_passes_its_own_lint(name: str, result: CutResult) -> None:
    picture = Composer(FileEncoder()).picture(result, PRESETS[name])

    broken = [rule for rule in lint(picture.data, PRESETS[name]) if "minimum" not in rule]
    assert broken == []
    image = Image.open(BytesIO(picture.data))
    assert image.size == (picture.width, picture.height)


def test_amazon_gets_exact_white_and_the_fill_it_wants(result: CutResult) -> None:
    picture = Composer(FileEncoder()).picture(result, PRESETS["amazon-main"])

    pixels = np.asarray(Image.open(BytesIO(picture.data)).convert("RGB"))
    product = (pixels < 247).any(axis=2)
    rows, columns = np.flatnonzero(product.any(axis=1)), np.flatnonzero(product.any(axis=0))
    fill = max(np.ptp(rows) + 1, np.ptp(columns) + 1) / len(pixels)
    assert 0.85 <= fill <= 0.95
    outside = np.ones_like(product)
    outside[rows[0] - 3 : rows[-1] + 4, columns[0] - 3 : columns[-1] + 4] = False
    assert (pixels[outside] == 255).all()


def test_an_original_breaks_the_rules_and_lint_says_which(scene: Scene) -> None:
    broken = lint(jpeg(scene.photo), PRESETS["amazon-main"])

    assert any("background" in rule for rule in broken)
    assert any("not square" in rule for rule in broken)


def test_the_file_size_ceiling_is_kept(result: CutResult) -> None:
    amazon = PRESETS["amazon-main"]
    composer = Composer(FileEncoder())
    free = len(composer.picture(result, amazon).data)

    limit = max(1000, int(free * 0.8))
    small = composer.picture(result, _with(amazon, max_bytes=limit))

    assert len(small.data) <= limit
    with pytest.raises(BadImage, match="ceiling"):
        composer.picture(result, _with(amazon, max_bytes=1000))


@pytest.mark.parametrize("preset", ["web", "ebay"])
@pytest.mark.parametrize("quality", [1, 49])
def test_a_preset_may_ask_for_a_poor_picture(result: CutResult, preset: str, quality: int) -> None:
    composer = Composer(FileEncoder())

    poor, good = (composer.picture(result, _with(PRESETS[preset], quality=each)) for each in (quality, 90))

    assert decode_photo(poor.data).pixels.shape == (good.height, good.width, 3)
    assert len(poor.data) < len(good.data)


def _with(preset: Preset, **changes: object) -> Preset:
    fields = {name: getattr(preset, name) for name in preset.__struct_fields__}
    return Preset(**{**fields, **changes})


def test_a_background_photo_takes_the_place_of_the_colour(result: CutResult) -> None:
    background = np.full((50, 60, 3), (10, 120, 40), np.uint8)

    picture = Composer(FileEncoder()).picture(result, _with(PRESETS["ebay"], format="png"), background)

    assert decode_photo(picture.data).pixels[0, 0].tolist() == [10, 120, 40]


def test_mask_and_layers_for_the_retoucher(result: CutResult, scene: Scene) -> None:
    composer = Composer(FileEncoder())

    mask = Image.open(BytesIO(composer.mask(result).data))
    np.testing.assert_array_equal(np.asarray(mask), result.alpha())
    layers = Image.open(BytesIO(composer.layers(result, Photo(scene.photo)).data))
    assert getattr(layers, "n_frames", 1) == 3


def test_profiles_are_heeded(scene: Scene) -> None:
    cutting = cutter(scene)
    photo = Photo(scene.photo)

    hard = cutting.cut(photo, replace(CutOptions(), profile=Profile.HARD))
    soft = cutting.cut(photo, replace(CutOptions(), profile=Profile.SOFT))

    assert (hard.profile, soft.profile) == (Profile.HARD, Profile.SOFT)
    assert (hard.alpha() != soft.alpha()).any()
