"""The interface of a running box, asked over HTTP as browsers and scripts do."""

import base64
import hashlib
import http.client
import json
import re
import socket
import threading
import time
from itertools import pairwise

import cv2
import numpy as np
import pytest

from tests.support.kiosk import PIN, TOKEN, KioskBox, Visitor

pytestmark = pytest.mark.e2e
HOSTILE = ["<img src=x onerror=alert(1)>", "../../etc/passwd", 'a"b', "a\nb", "-rf", "x" * 65, "\u202egpj.exe"]


def picture(data: bytes) -> np.ndarray:
    decoded = cv2.imdecode(np.frombuffer(data, np.uint8), cv2.IMREAD_UNCHANGED)
    assert decoded is not None
    return decoded


# Captures -----------------------------------------------------------------------------------------


def test_a_press_becomes_a_photo_at_once_and_a_cutout_soon_after(visitor: Visitor) -> None:
    taken = visitor.post("/api/captures", {"sku": "A-1", "preset": "web"})
    assert taken.status == 201
    capture = taken.json
    assert (capture["sku"], capture["stage"], capture["revision"]) == ("A-1", "accepted", 1)
    photo = visitor.get(f"/api/captures/{capture['id']}/photo")
    assert photo.headers["content-type"] == "image/jpeg"
    assert picture(photo.body).shape == (720, 960, 3)
    cut = visitor.wait(capture["id"], "cut", "offered", "held")
    assert cut["decision"] in ("publish", "hold")
    cutout = picture(visitor.get(f"/api/captures/{capture['id']}/cutout").body)
    assert cutout.shape == (720, 960, 4)
    assert 0 < (cutout[..., 3] > 127).mean() < 0.9


def test_a_repeated_request_is_one_capture(visitor: Visitor) -> None:
    first = visitor.post("/api/captures", {"sku": "A-2", "request_id": "same"}).json
    again = visitor.post("/api/captures", {"sku": "A-2", "request_id": "same"}).json
    assert first["id"] == again["id"]


def test_a_retake_supersedes_the_former_photo(visitor: Visitor) -> None:
    first = visitor.post("/api/captures", {"sku": "A-3", "angle": 2}).json
    second = visitor.post("/api/captures", {"sku": "ignored", "replaces": first["id"]}).json
    assert (second["sku"], second["angle"], second["revision"]) == ("A-3", 2, 2)
    assert second["supersedes"] == first["id"]


def test_a_retake_without_a_sku_takes_the_former_photo_back(visitor: Visitor) -> None:
    first = visitor.post("/api/captures").json
    visitor.wait(first["id"], "cut", "offered", "held")
    visitor.post("/api/captures", {"replaces": first["id"]})
    assert visitor.wait(first["id"], "cancelled")["reason"] == "replaced by a retake"


@pytest.mark.parametrize("sku", HOSTILE)
def test_a_hostile_sku_takes_no_photo(visitor: Visitor, sku: str) -> None:
    before = known(visitor)
    refused = visitor.post("/api/captures", {"sku": sku})
    assert refused.status == 422
    assert refused.headers["content-type"] == "application/json"
    assert known(visitor) == before


def known(visitor: Visitor) -> list[str]:
    return [capture["id"] for capture in visitor.get("/api/captures?limit=500").json["captures"]]


def test_the_last_captures_stand_newest_first(visitor: Visitor) -> None:
    ids = [visitor.post("/api/captures", {"sku": f"L-{number}"}).json["id"] for number in range(3)]
    listed = visitor.get("/api/captures?limit=3").json["captures"]
    assert [capture["id"] for capture in listed] == ids[::-1]


def test_files_come_byte_for_byte_and_as_attachments(visitor: Visitor) -> None:
    capture = visitor.post("/api/captures", {"sku": "F-1"}).json
    capture = visitor.wait(capture["id"], "cut", "offered", "held")
    for artefact in capture["artefacts"]:
        file = visitor.get(f"/api/captures/{capture['id']}/files/{artefact['name']}")
        assert hashlib.sha256(file.body).hexdigest() == artefact["sha256"]
        assert file.headers["content-disposition"].startswith("attachment")
    assert visitor.get(f"/api/captures/{capture['id']}/files/..%2f..%2fspool.sqlite").status == 404


def test_what_does_not_exist_is_not_found(visitor: Visitor) -> None:
    for path in ("/api/captures/nope", "/api/captures/nope/photo", "/static/../app.py", "/static/%2e%2e/app.py", "/x"):
        assert visitor.get(path).status == 404
    assert visitor.post("/api/captures/nope/release").status == 404


# Who may what -------------------------------------------------------------------------------------


def test_changing_the_box_needs_the_pin(box: KioskBox, visitor: Visitor) -> None:
    capture = visitor.post("/api/captures", {"sku": "P-1"}).json
    visitor.wait(capture["id"], "cut", "offered", "held")
    visitor.post(f"/api/captures/{capture['id']}/cancel")
    assert visitor.delete(f"/api/captures/{capture['id']}").json["code"] == "pin-needed"
    assert visitor.post("/api/admin/restart").status == 403
    assert visitor.post("/api/session", {"pin": PIN}).json["role"] == "admin"
    assert visitor.delete(f"/api/captures/{capture['id']}").status == 204
    assert visitor.get(f"/api/captures/{capture['id']}").status == 404
    assert visitor.delete("/api/session").status == 204
    assert visitor.post("/api/admin/selftest").status == 403


def test_a_script_with_the_token_needs_neither_cookie_nor_csrf(box: KioskBox) -> None:
    script = Visitor(box.port)
    taken = script.post("/api/captures", {"sku": "T-1"}, Authorization=f"Bearer {TOKEN}")
    assert taken.status == 201
    assert script.post("/api/captures", {"sku": "T-1"}, Authorization="Bearer wrong").status == 401


def test_a_change_without_the_sessions_token_is_refused(box: KioskBox, visitor: Visitor) -> None:
    assert visitor.post("/api/captures", {}, X_Packshot_Csrf="").json["code"] == "stale-session"
    assert visitor.post("/api/captures", {}, X_Packshot_Csrf=box.visitor().csrf).status == 403
    assert visitor.post("/api/captures", {}, Cookie="").status == 403


@pytest.mark.parametrize(
    "origin", ["https://evil.example", "null", "http://127.0.0.1:1", "http://localhost.evil.example"]
)
def test_another_sites_page_cannot_press_the_shutter(visitor: Visitor, origin: str) -> None:
    assert visitor.post("/api/captures", {}, Origin=origin).json["code"] == "foreign-origin"


def test_a_foreign_form_cannot_press_the_shutter(visitor: Visitor) -> None:
    assert visitor.post("/api/captures", {}, Sec_Fetch_Site="cross-site").status == 403
    assert visitor.post("/api/captures", b"sku=A", Content_Type="application/x-www-form-urlencoded").status == 415


def test_a_rebound_name_sees_nothing(visitor: Visitor) -> None:
    for host in ("evil.example", "evil.example:80", "127.0.0.1.evil.example", "[", "[::1", "a]b"):
        assert visitor.get("/", Host=host).status == 421
    for host in (f"localhost:{visitor.port}", f"127.0.0.1:{visitor.port}", "[::1]:80"):
        assert visitor.get("/", Host=host).status == 200


def test_a_caller_behind_a_proxy_on_the_box_counts_as_one_from_elsewhere(box: KioskBox) -> None:
    visitor = Visitor(box.port)
    assert visitor.get("/api/session", X_Forwarded_For="192.0.2.1").json["role"] == "nobody"
    assert visitor.get("/api/captures", X_Forwarded_For="192.0.2.1").status == 401


@pytest.mark.parametrize("other", ['prefs={"theme": "dark"}', "name=Jörg", "a[b]=1", "lonely", "HttpOnly", "=x"])
def test_whatever_other_pages_of_this_host_keep_in_the_jar_the_session_is_known(visitor: Visitor, other: str) -> None:
    for jar in (f"{other}; {visitor.cookie}", f"{visitor.cookie}; {other}"):
        assert visitor.get("/api/session", Cookie=jar).json["csrf"] == visitor.csrf
        assert visitor.get("/api/captures", Cookie=jar).status == 200


def test_without_a_session_nothing_is_shown(box: KioskBox) -> None:
    stranger = Visitor(box.port)
    for path in ("/api/captures", "/api/state", "/api/preview", "/api/events", "/api/admin/config", "/api/admin/logs"):
        assert stranger.get(path).status == 401


def test_every_answer_carries_the_security_headers(visitor: Visitor) -> None:
    for path in ("/", "/id", "/admin", "/static/js/api.js", "/api/state", "/nowhere"):
        headers = visitor.get(path).headers
        policy = headers["content-security-policy"]
        assert "default-src 'none'" in policy
        assert "unsafe" not in policy
        assert "http" not in policy
        assert headers["x-content-type-options"] == "nosniff"
        assert headers["referrer-policy"] == "no-referrer"
    assert visitor.get("/api/state").headers["cache-control"] == "no-store"


@pytest.mark.parametrize("path", ["/", "/id", "/admin"])
def test_a_page_brings_one_script_and_the_policy_names_its_hash(visitor: Visitor, path: str) -> None:
    page = visitor.get(path)
    inline = re.findall(rb"<script>(.*?)</script>", page.body, re.DOTALL)
    assert len(inline) == 1
    digest = base64.b64encode(hashlib.sha256(inline[0]).digest()).decode()
    assert f"script-src 'self' 'sha256-{digest}';" in page.headers["content-security-policy"]


@pytest.mark.parametrize(
    "body", [b"{", b"[]", b'{"angle": -1}', b'{"angle": "left"}', b'{"preset": "../x"}', b"\xff\xfe", b"[" * 5000]
)
def test_a_broken_request_is_answered_in_one_line(visitor: Visitor, body: bytes) -> None:
    refused = visitor.post("/api/captures", body)
    assert refused.status == 422
    assert "\n" not in refused.json["error"]


def test_a_body_without_end_is_cut_off(visitor: Visitor) -> None:
    assert visitor.post("/api/captures", b'{"sku": "' + b"x" * 100_000 + b'"}').status == 413


# News and pictures --------------------------------------------------------------------------------


def events(data: bytes, name: str) -> list[dict]:
    found = []
    for block in data.decode("utf-8", "replace").split("\n\n")[:-1]:
        lines = dict(line.partition(": ")[::2] for line in block.splitlines() if ": " in line)
        if lines.get("event") == name:
            found.append(json.loads(lines["data"]))
    return found


def test_every_page_hears_of_every_step(box: KioskBox, visitor: Visitor) -> None:
    heard: list[bytes] = []

    def listen() -> None:
        done = lambda data: any(one["sku"] == "N-1" and one["stage"] != "accepted" for one in events(data, "capture"))  # noqa: E731
        heard.append(box.visitor().stream("/api/events", done))

    listeners = [threading.Thread(target=listen) for _ in range(2)]
    for listener in listeners:
        listener.start()
    time.sleep(1.0)
    visitor.post("/api/captures", {"sku": "N-1"})
    for listener in listeners:
        listener.join()
    assert len(heard) == 2
    for data in heard:
        assert data.startswith(b"retry: ")
        assert events(data, "hello")
        assert events(data, "state")[0]["camera"] == "ok"


def parts(data: bytes) -> list[bytes]:
    """The JPEGs of a multipart stream, cut by their Content-Length."""
    found = []
    while (end := data.find(b"\r\n\r\n")) >= 0:
        length = int(data[:end].split(b"Content-Length: ")[1].split(b"\r\n")[0])
        if len(data) < end + 4 + length:
            break
        found.append(data[end + 4 : end + 4 + length])
        data = data[end + 4 + length :]
    return found


@pytest.mark.parametrize("mode", ["plain", "outline", "cutout"])
def test_the_live_picture_really_moves(visitor: Visitor, mode: str) -> None:
    data = visitor.stream(f"/api/preview?mode={mode}", lambda data: len(parts(data)) >= 6)
    frames = [picture(jpeg).astype(np.int16) for jpeg in parts(data)]
    assert all(frame.shape == (480, 640, 3) for frame in frames)
    changes = [np.abs(after - before).mean() for before, after in pairwise(frames)]
    assert min(changes) > 0


def test_a_browser_that_does_not_read_holds_nobody_up(box: KioskBox, visitor: Visitor) -> None:
    with socket.create_connection(("127.0.0.1", box.port)) as slow:
        slow.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        slow.sendall(f"GET /api/preview HTTP/1.1\r\nHost: 127.0.0.1\r\nCookie: {visitor.cookie}\r\n\r\n".encode())
        time.sleep(1.0)
        for number in range(3):
            assert visitor.post("/api/captures", {"sku": f"S-{number}"}).status == 201
        assert len(parts(visitor.stream("/api/preview", lambda data: len(parts(data)) >= 3))) >= 3


def test_the_plate_is_taken_shown_and_forgotten(visitor: Visitor) -> None:
    assert visitor.get("/api/plate").status == 404
    assert visitor.post("/api/plate").status == 204
    assert picture(visitor.get("/api/plate").body).shape == (720, 960, 3)
    assert visitor.get("/api/booth").json["plate"]
    assert visitor.post("/api/plate", {"forget": True}).status == 204
    assert not visitor.get("/api/booth").json["plate"]


# Set-up -------------------------------------------------------------------------------------------


def test_the_configuration_names_its_sources_and_hides_no_key(box: KioskBox, visitor: Visitor) -> None:
    settings = {one["key"]: one for one in visitor.get("/api/admin/config").json["settings"]}
    assert settings["camera.kind"] == {
        "key": "camera.kind",
        "value": "scenes",
        "default": "absent",
        "origin": str(box.config),
    }
    assert settings["cut.preset"]["origin"] == "default"


def test_a_reload_of_what_cannot_be_used_is_refused_and_ends_nothing(box: KioskBox, visitor: Visitor) -> None:
    visitor.post("/api/session", {"pin": PIN})
    good = box.config.read_text()
    box.configure(model={"onnx_path": "/nowhere.onnx"})
    assert visitor.post("/api/admin/reload").status == 422
    assert visitor.get("/api/admin/config").status == 409
    box.config.write_text(good)
    assert visitor.get("/api/admin/config").status == 200
    assert visitor.post("/api/captures", {"sku": "R-1"}).status == 201


def test_the_meter_tells_of_light_and_focus(visitor: Visitor) -> None:
    data = visitor.stream("/api/admin/meter", lambda data: len(events(data, "meter")) >= 2)
    meter = events(data, "meter")[0]
    assert [round(sum(channel), 2) for channel in meter["histogram"]] == [1.0, 1.0, 1.0]
    assert meter["focus"] > 0


def test_the_log_shows_captures_and_no_secret(box: KioskBox, visitor: Visitor) -> None:
    visitor.post("/api/captures", {"sku": "LOG-1"})
    deadline = time.monotonic() + 20
    while not any("LOG-1" in line["text"] for line in visitor.get("/api/admin/logs").json["lines"]):
        assert time.monotonic() < deadline
        time.sleep(0.2)
    text = json.dumps(visitor.get("/api/admin/logs").json) + box.log("run")
    assert PIN not in text
    assert TOKEN not in text
    assert visitor.csrf not in text


def test_each_daemon_numbers_its_own_log(box: KioskBox, visitor: Visitor) -> None:
    before = visitor.get("/api/admin/logs").json
    assert visitor.get("/api/admin/logs").json["run"] == before["run"]
    box.stop("run")
    box.open()
    visitor.enter()
    after = visitor.get("/api/admin/logs").json
    assert after["lines"][0]["number"] == 1
    assert after["run"] != before["run"]


def test_the_selftest_answers_part_by_part(visitor: Visitor) -> None:
    visitor.post("/api/session", {"pin": PIN})
    result = visitor.post("/api/admin/selftest").json["result"]
    assert result["passed"]
    assert {part["part"] for part in result["parts"]} >= {"accelerator", "camera", "spool"}


def test_the_document_describes_every_address_that_is_served(visitor: Visitor) -> None:
    document = visitor.get("/api/openapi.json").json
    assert document["openapi"].startswith("3.1")
    for path, operations in document["paths"].items():
        for method, operation in operations.items():
            assert operation["summary"]
            if (
                method == "get"
                and "{" not in path
                and "stream" not in json.dumps(operation)
                and "mixed" not in json.dumps(operation)
            ):
                status = visitor.get(path).status
                assert str(status) in operation["responses"] or status in (404, 409, 422), path
    text = json.dumps(document)
    for reference in set(text.split('"$ref": "#/components/schemas/')[1:]):
        assert reference.partition('"')[0] in document["components"]["schemas"]


def test_wrong_pins_are_slowed_down_and_say_how_long(box: KioskBox) -> None:
    visitor = box.visitor()
    answers = [visitor.post("/api/session", {"pin": "0000"}) for _ in range(6)]
    assert [answer.status for answer in answers] == [403] * 5 + [429]
    assert int(answers[-1].headers["retry-after"]) > 60
    assert visitor.post("/api/session", {"pin": PIN}).status == 429


def test_a_flood_is_answered_with_wait(box: KioskBox) -> None:
    visitor = box.visitor()
    statuses = {visitor.post("/api/captures/none/release").status for _ in range(60)}
    assert statuses == {404, 429}
    connection = http.client.HTTPConnection("127.0.0.1", box.port)
    connection.request("GET", "/healthz")
    assert connection.getresponse().status == 200
