"""ID photos whole: from a photo file by the released network to the file, its record and its sheet."""

import json
import re
from dataclasses import replace
from hashlib import sha256
from io import BytesIO
from xml.etree import ElementTree as ET

import cv2
import numpy as np
import pytest
from numpy.typing import NDArray
from PIL import Image
from skimage import data

from packshot.encode.photo import decode_photo
from packshot.encode.port import Photo
from packshot.errors import BadImage, UsageError
from packshot.idphoto.findings import Rule, State
from packshot.idphoto.wording import NoPortrait
from packshot.portrait import Portrait, Studio
from tests.idphoto.heads import BLUE, OFF_WHITE, SKINS, Look, any_look, render

XMP = "{urn:packshot:idphoto:1#}"


def as_jpeg(pixels: NDArray[np.uint8], quality: int = 96) -> bytes:
    out = BytesIO()
    Image.fromarray(pixels).save(out, "JPEG", quality=quality)
    return out.getvalue()


def opened(made: Portrait) -> Image.Image:
    return Image.open(BytesIO(made.data))


@pytest.mark.parametrize("tone", SKINS)
def test_the_head_takes_70_to_80_percent_in_every_skin_tone_or_we_say_we_are_unsure(studio: Studio, tone: str) -> None:
    """Against the truth of the drawing, by the released network, for three people of each tone."""
    for seed in range(3):
        photo, truth = render(any_look(300 + seed, tone))
        made = studio.make(as_jpeg(photo), "icao")
        height = made.crop.shape[0]
        share = (truth.chin[1] - truth.crown[1]) / height
        assert 0.67 <= share <= 0.83, (tone, seed)
        assert 0.70 <= share <= 0.80 or made.head.confidence < 0.85, (tone, seed)
        assert opened(made).size == (413, 531)
        assert opened(made).info["dpi"] == (300, 300)


def test_no_pixel_is_changed_beyond_crop_and_resize(studio: Studio) -> None:
    """The record's steps, done again by hand on the source, give the very pixels of the file."""
    source = as_jpeg(render(Look())[0])
    made = studio.make(source, "icao", made_at="2026-01-31T12:00:00Z")
    record = made.record
    assert record["pixels_changed"] is False
    assert record["source"]["sha256"] == sha256(source).hexdigest()
    assert record["file"]["sha256"] == sha256(made.data).hexdigest()
    steps = {step["step"]: step for step in record["steps"]}
    left, top, width, height = steps["crop"]["box"]
    crop = decode_photo(source).pixels[top : top + height, left : left + width]
    assert np.array_equal(crop, made.crop)
    filters = {"area": cv2.INTER_AREA, "lanczos": cv2.INTER_LANCZOS4}
    by_hand = cv2.resize(crop, steps["resize"]["size"], interpolation=filters[steps["resize"]["filter"]])
    out = BytesIO()
    Image.fromarray(by_hand).save(out, "JPEG", quality=95, subsampling=0)
    assert np.array_equal(np.asarray(Image.open(out)), np.asarray(opened(made)))


def test_the_file_itself_says_what_was_done(studio: Studio) -> None:
    source = as_jpeg(render(Look())[0])
    made = studio.make(source, "us", made_at="2026-01-31T12:00:00Z")
    packet = opened(made).info["xmp"]
    described = next(iter(ET.fromstring(packet).iter("{http://www.w3.org/1999/02/22-rdf-syntax-ns#}Description")))
    assert described.attrib[f"{XMP}Spec"] == "us"
    assert described.attrib[f"{XMP}SourceSha256"] == sha256(source).hexdigest()
    assert described.attrib[f"{XMP}PixelsChanged"] == "False"
    assert json.loads(described.attrib[f"{XMP}Steps"]) == made.record["steps"]
    assert described.attrib["{http://ns.adobe.com/xap/1.0/}CreatorTool"].startswith("packshot ")
    assert len(described.attrib[f"{XMP}NetworkSha256"]) == 64
    assert "No pixel was changed" in "".join(described.itertext())


def test_the_us_file_is_square_and_small_also_from_a_noisy_photo(studio: Studio) -> None:
    photo, truth = render(
        Look(background=OFF_WHITE, noise=9.0, head_px=560.0, centre=(560.0, 600.0), size=(1120, 1300))
    )
    made = studio.make(as_jpeg(photo), "us")
    width, height = opened(made).size
    assert 600 <= width == height <= 1200
    assert len(made.data) <= 240_000
    head = (truth.chin[1] - truth.crown[1]) / made.crop.shape[0] * 50.8
    assert 25 <= head <= 35


def test_the_chinese_file_has_its_pixels_and_bytes_and_blue(studio: Studio) -> None:
    photo, truth = render(Look(background=BLUE))
    made = studio.make(as_jpeg(photo), "cn")
    assert opened(made).size == (480, 640)
    assert 100_000 <= len(made.data) <= 500_000
    _, top, _, height = next(step for step in made.record["steps"] if step["step"] == "crop")["box"]
    assert 200 <= (truth.left_eye[1] - top) / height * 640 <= 300
    assert 40 <= (truth.crown[1] - top) / height * 640 <= 120
    background = next(finding for finding in made.findings if finding.rule is Rule.BACKGROUND)
    assert background.ok


def test_the_uk_file_has_at_least_600_by_750_pixels_and_50_kb(studio: Studio) -> None:
    made = studio.make(as_jpeg(render(Look())[0]), "uk")
    width, height = opened(made).size
    assert width >= 600
    assert height >= 750
    assert 50_000 <= len(made.data) <= 10_000_000


def test_a_badge_gets_its_background_and_says_so_unless_it_is_kept(studio: Studio) -> None:
    source = as_jpeg(render(Look(background=(120, 160, 130)))[0])
    made = studio.make(source, "badge")
    corner = np.asarray(opened(made))[:20, :20].reshape(-1, 3).mean(axis=0)
    assert corner == pytest.approx((0xF4, 0xF4, 0xF2), abs=3)
    assert made.record["pixels_changed"] is True
    assert "#f4f4f2" in made.record["statement"]
    kept = studio.make(source, "badge", new_background=False)
    corner = np.asarray(opened(kept))[:20, :20].reshape(-1, 3).mean(axis=0)
    assert corner == pytest.approx((120, 160, 130), abs=12)
    assert kept.record["pixels_changed"] is False


def test_no_spec_but_the_badge_ever_changes_a_pixel(studio: Studio) -> None:
    source = as_jpeg(render(Look())[0])
    changed = {name: studio.make(source, name).record["pixels_changed"] for name in studio.specs}
    assert changed == {"icao": False, "uk": False, "us": False, "cn": False, "badge": True}


def test_a_cutout_that_misses_the_person_changes_no_background(studio: Studio) -> None:
    def blind(photo: Photo):  # type: ignore[no-untyped-def]
        return replace(studio._cut(photo), bbox=None)

    half_blind = Studio(
        (studio._live[0], studio._still[0]), blind, studio._decoder, studio._printer, studio.specs, studio._maker,
        studio._limits,
    )  # fmt: skip
    made = half_blind.make(as_jpeg(render(Look())[0]), "badge")
    assert made.record["pixels_changed"] is False
    assert made.keeps is State.UNSURE
    assert any(finding.message == "background_kept" for finding in made.findings)


def test_the_astronaut_is_measured_and_told_what_is_wrong(studio: Studio) -> None:
    made = studio.make(as_jpeg(data.astronaut()), "us")
    states = {finding.rule: finding.state for finding in made.findings}
    assert states[Rule.RESOLUTION] is State.NOT_OK
    assert states[Rule.BACKGROUND] is State.NOT_OK
    assert states[Rule.EYES] is State.OK
    assert made.keeps is State.NOT_OK
    assert 25 <= 50.8 * (178 - 20) / made.crop.shape[0] <= 35


@pytest.mark.parametrize(
    ("message", "says"),
    [
        ("no_face", "look straight into the camera"),
        ("several_faces", "2 faces found; one person alone"),
        ("face_at_edge", "left edge; .* step back"),
        ("face_too_small", "px between the eyes, at least 90 are needed; come nearer"),
    ],
)
def test_a_photo_that_cannot_do_is_refused_with_what_to_do(studio: Studio, message: str, says: str) -> None:
    one, _ = render(Look())
    photos = {
        "no_face": np.full((700, 600, 3), 200, np.uint8),
        "several_faces": np.hstack([one, render(any_look(9, "III"))[0]]),
        "face_at_edge": np.ascontiguousarray(one[:, 300:]),
        "face_too_small": cv2.resize(one, (225, 281), interpolation=cv2.INTER_AREA),
    }
    with pytest.raises(NoPortrait, match=says) as refused:
        studio.make(as_jpeg(photos[message]), "icao")
    assert refused.value.message == message


def test_orientation_profile_and_cmyk_do_not_matter(studio: Studio) -> None:
    photo, _ = render(Look())
    plain = studio.make(as_jpeg(photo), "icao")
    turned, cmyk = BytesIO(), BytesIO()
    exif = Image.Exif()
    exif[0x0112] = 6
    Image.fromarray(np.rot90(photo)).save(turned, "JPEG", quality=96, exif=exif)
    Image.fromarray(photo).convert("CMYK").save(cmyk, "JPEG", quality=96)
    for source in (turned.getvalue(), cmyk.getvalue()):
        made = studio.make(source, "icao")
        assert made.head.height == pytest.approx(plain.head.height, rel=0.02)
        assert opened(made).mode == "RGB"


def test_a_grey_photo_is_told_to_have_no_colour(studio: Studio) -> None:
    grey = np.dstack([cv2.cvtColor(render(Look())[0], cv2.COLOR_RGB2GRAY)] * 3)
    made = studio.make(as_jpeg(grey), "icao")
    assert any(finding.message == "no_colour" and not finding.ok for finding in made.findings)


def test_what_is_no_photo_and_no_spec_is_said_so(studio: Studio) -> None:
    with pytest.raises(BadImage, match="not a picture file"):
        studio.make(b"Dear Sir or Madam", "icao")
    with pytest.raises(UsageError, match="badge, cn, icao, uk, us"):
        studio.make(as_jpeg(render(Look())[0]), "moon")


def test_the_sheet_holds_the_photo_at_its_size(studio: Studio) -> None:
    made = studio.make(as_jpeg(render(Look())[0]), "icao")
    sheet = studio.sheet(made, dpi=600)
    assert sheet.count == 8
    with Image.open(BytesIO(sheet.jpeg)) as drawn:
        assert drawn.size == (3543, 2362)
        assert drawn.info["dpi"] == (600, 600)
    box = re.search(rb"/MediaBox \[0 0 ([\d.]+) ([\d.]+)\]", sheet.pdf)
    assert box is not None
    assert [round(float(side) / 72 * 25.4, 2) for side in box.groups()] == [150.0, 100.0]
    assert b"PixelsChanged" in sheet.pdf


def test_the_record_is_json_and_never_calls_itself_certified(studio: Studio) -> None:
    record = json.loads(json.dumps(studio.make(as_jpeg(render(Look())[0]), "icao").record))
    assert record["certified"] is False
    assert {finding["rule"] for finding in record["findings"]} >= {
        "head_height",
        "eye_line",
        "tilt",
        "background",
        "sharpness",
    }
    assert all(0 <= finding["confidence"] <= 1 for finding in record["findings"])
    assert not any("/" in str(record["source"][key]) for key in record["source"])
