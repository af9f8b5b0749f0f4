"""ID photos over HTTP: for one browser, by the spec's figures, and nowhere else."""

import io
import json
import time
import tomllib
from pathlib import Path

import pytest
from PIL import Image

from packshot.platform.resources import package_path
from tests.support.kiosk import KioskBox, Visitor
from tests.support.mosquitto import Broker

pytestmark = pytest.mark.e2e


@pytest.fixture
def seated(visitor: Visitor) -> Visitor:
    """Whoever sat there before has stood up."""
    deadline = time.monotonic() + 20
    while visitor.post("/api/id/seat").status == 409:
        assert time.monotonic() < deadline
        time.sleep(0.5)
    return visitor


@pytest.mark.parametrize(("spec", "width", "height", "dpi"), [("icao", 413, 531, 300), ("us", 600, 600, 300)])
def test_the_file_has_the_specs_pixels_resolution_and_bytes(
    seated: Visitor, spec: str, width: int, height: int, dpi: int
) -> None:
    taken = seated.post("/api/id/photos", {"spec": spec})
    assert taken.status == 201, taken.body
    made = taken.json
    photo = seated.get(f"/api/id/photos/{made['id']}/files/photo.jpg")
    with Image.open(io.BytesIO(photo.body)) as picture:
        assert picture.size[0] >= width
        assert picture.size[0] / picture.size[1] == pytest.approx(width / height, abs=0.004)
        assert picture.info["dpi"][0] >= dpi - 1
        if spec == "icao":
            assert picture.size == (width, height)
    if spec == "us":
        assert len(photo.body) <= 240_000
    assert not made["record"]["pixels_changed"]
    head = next(finding for finding in made["findings"] if finding["rule"] == "head_height")
    assert head["low"] <= head["figure"] <= head["high"]
    record = json.loads(seated.get(f"/api/id/photos/{made['id']}/files/record.json").body)
    assert record["file"]["bytes"] == len(photo.body)
    seated.delete("/api/id/seat")


def test_the_sheet_is_ten_by_fifteen_and_a_pdf(seated: Visitor) -> None:
    made = seated.post("/api/id/photos", {"spec": "icao"}).json
    files = f"/api/id/photos/{made['id']}/files"
    with Image.open(io.BytesIO(seated.get(f"{files}/sheet-300.jpg").body)) as sheet:
        assert sorted(round(side / 300 * 25.4) for side in sheet.size) == pytest.approx([102, 152], abs=2)
    assert seated.get(f"{files}/sheet-300.pdf").body.startswith(b"%PDF-")
    assert seated.get(f"{files}/sheet-72.pdf").status == 404
    seated.delete("/api/id/seat")


def test_a_photo_too_large_for_a_sheet_is_said_so_and_the_box_goes_on(
    tmp_path: Path, kiosk_broker: Broker, stage: Path
) -> None:
    own = tmp_path / "own.toml"
    table = tomllib.loads(package_path("idphoto", "specs.toml").read_text("utf-8"))["icao"]
    large = {**table, "width_mm": 105, "height_mm": 135}
    keys = ("title", "accepted", "source", "width_mm", "height_mm", "width_px", "head", "aim", "eyes", "crown")
    own.write_text("\n".join(["[large]", *(f"{key} = {json.dumps(large[key])}" for key in keys)]))
    tables = {"camera": {"kind": "scenes"}, "device": {"id": "large"}, "id_photo": {"specs_file": str(own)}}
    with KioskBox(tmp_path, kiosk_broker.port, stage / "people", **tables) as box:
        box.open()
        visitor = box.visitor()
        visitor.post("/api/id/seat")
        made = visitor.post("/api/id/photos", {"spec": "large"})
        assert made.status == 201, made.body
        files = f"/api/id/photos/{made.json['id']}/files"
        refused = visitor.get(f"{files}/sheet-300.jpg")
        assert (refused.status, refused.json["code"]) == (422, "bad-request")
        assert "does not fit" in refused.json["error"]
        assert visitor.get(f"{files}/photo.jpg").status == 200
        visitor.post("/api/id/seat")
        assert visitor.post("/api/id/photos", {"spec": "large"}).status == 201


def test_nobody_else_sees_the_person_or_the_photo(box: KioskBox, seated: Visitor) -> None:
    other = box.visitor()
    assert other.post("/api/id/seat").json["code"] == "occupied"
    assert other.get("/api/id/preview").status == 409
    assert other.get("/api/id/guidance?spec=icao").status == 409
    assert other.post("/api/id/photos", {"spec": "icao"}).status == 409
    made = seated.post("/api/id/photos", {"spec": "icao"}).json
    assert other.get(f"/api/id/photos/{made['id']}/files/photo.jpg").status == 404
    assert other.delete(f"/api/id/photos/{made['id']}").status == 404
    assert seated.get(f"/api/id/photos/{made['id']}/files/photo.jpg").status == 200
    assert seated.delete(f"/api/id/photos/{made['id']}").status == 204
    assert seated.get(f"/api/id/photos/{made['id']}/files/photo.jpg").status == 404
    seated.delete("/api/id/seat")
    assert other.post("/api/id/seat").status == 204
    other.delete("/api/id/seat")


def test_a_person_leaves_no_trace_in_spool_captures_or_log(box: KioskBox, seated: Visitor) -> None:
    def kept() -> list[Path]:
        return sorted(path for path in (box.folder / "spool").rglob("*") if path.is_file() and path.suffix == ".jpg")

    files, captures = kept(), seated.get("/api/captures?limit=500").json
    made = seated.post("/api/id/photos", {"spec": "icao"}).json
    assert kept() == files
    assert seated.get("/api/captures?limit=500").json == captures
    assert made["id"] not in box.log("run")
    assert made["record"]["source"]["sha256"] not in box.log("run")
    seated.delete("/api/id/seat")


def test_the_guidance_names_every_rule_and_comes_again_and_again(seated: Visitor) -> None:
    data = seated.stream("/api/id/guidance?spec=icao", lambda data: data.count(b"event: guidance") >= 3)
    look = json.loads(data.split(b"data: ", 1)[1].split(b"\n")[0])
    assert {"one_face", "distance", "centring", "tilt", "eyes", "sharpness"} <= {
        one["rule"] for one in look["findings"]
    }
    assert look["head"]["crown"] < look["head"]["eye_line"] < look["head"]["chin"]
    assert seated.get("/api/id/guidance?spec=nope").status == 404
    seated.delete("/api/id/seat")
