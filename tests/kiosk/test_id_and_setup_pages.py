"""The ID photo page and the set-up page in a real browser."""

import re
import time

import pytest
from PIL import Image
from playwright.sync_api import Page, Route, expect

from tests.support.chromium import PHONE, TOUCH, Chromium, overflow, until, violations
from tests.support.kiosk import PIN, KioskBox

pytestmark = [pytest.mark.e2e, pytest.mark.browser]
MADE_MS = 120_000  # the first photo loads the network
FILLED = {
    "health": ".tile:nth-child(8)",
    "spool": "tbody td",
    "camera": "#histogram[data-looks]",
    "configuration": "tbody td",
    "logs": "#log > div",
    "update": ".card > :nth-child(2)",
}  # what each tab of the set-up shows when all has come


def mirror(chromium: Chromium, box: KioskBox, size: tuple[int, int] = TOUCH, **options: object) -> Page:
    """The ID photo page once it guides."""
    page = chromium.open(f"{box.url}/id", size, **options)
    until(page, "document.querySelectorAll('#checks li').length > 5")
    return page


def test_when_all_is_green_the_photo_takes_itself_and_its_file_keeps_the_spec(
    chromium: Chromium, box: KioskBox
) -> None:
    page = mirror(chromium, box)
    chromium.keep(page, "id-live")
    assert violations(page) == []
    expect(page.locator("#made")).to_be_visible(timeout=MADE_MS)
    until(page, "document.getElementById('made-photo').naturalWidth > 0")
    assert violations(page) == []
    chromium.keep(page, "id-made")
    assert page.evaluate(
        "[document.getElementById('made-photo').naturalWidth, document.getElementById('made-photo').naturalHeight]"
    ) == [413, 531]
    head = page.locator("tr[data-rule=head_height]")
    assert 31.5 <= float(head.get_attribute("data-figure") or 0) <= 36.0
    expect(head.locator("td").last).to_contain_text("%")
    expect(page.locator("#untouched")).to_contain_text("No pixel was changed")
    with page.expect_download() as download:
        page.click("a[download$='photo.jpg']")
    with Image.open(download.value.path()) as picture:
        assert picture.size == (413, 531)
        assert picture.info["dpi"] == pytest.approx((300, 300), abs=1)
    with page.expect_download() as download:
        page.click("a[download$='sheet-300.pdf']")
    assert open(download.value.path(), "rb").read(5) == b"%PDF-"  # noqa: PTH123, SIM115
    page.emulate_media(media="print")
    until(page, "document.getElementById('print').naturalWidth > 1000")
    assert page.locator("#header").is_hidden()
    assert page.locator("#print").is_visible()
    page.emulate_media(media="screen")
    page.click("#delete-now")
    expect(page.locator("#made")).to_be_hidden()
    expect(page.locator("#messages")).to_contain_text("deleted")


def noting_the_count(page: Page) -> None:
    """From now on ``counted`` holds everything that the countdown has shown, however late we look."""
    page.uncheck("#automatic")
    page.evaluate(
        """() => {
          const place = document.getElementById("count");
          window.counted = [];
          new MutationObserver(() => window.counted.push(place.textContent)).observe(place, { childList: true });
        }"""
    )


def test_the_countdown_is_started_by_hand(chromium: Chromium, box: KioskBox) -> None:
    page = mirror(chromium, box)
    noting_the_count(page)
    page.click("#shutter")
    expect(page.locator("#made")).to_be_visible(timeout=MADE_MS)
    assert page.evaluate("counted") == ["3", "2", "1", ""]


def test_a_countdown_that_was_stopped_takes_no_photo(chromium: Chromium, box: KioskBox) -> None:
    page = mirror(chromium, box)
    noting_the_count(page)
    page.evaluate("() => { for (let press = 0; press < 2; press += 1) document.getElementById('shutter').click(); }")
    page.wait_for_timeout(3000)
    assert page.evaluate("counted") == [""]
    assert page.locator("#shutter").get_attribute("aria-busy") != "true"
    expect(page.locator("#made")).to_be_hidden()


def test_a_photo_that_could_not_be_deleted_is_not_said_to_be(chromium: Chromium, box: KioskBox) -> None:
    page = mirror(chromium, box)
    expect(page.locator("#made")).to_be_visible(timeout=MADE_MS)
    photo = page.locator("#made").get_attribute("data-photo") or ""
    page.route(f"**/api/id/photos/{photo}", lambda route: route.abort())
    page.click("#delete-now")
    expect(page.locator("#messages")).to_contain_text("does not answer")
    expect(page.locator("#made")).to_be_visible()
    page.unroute(f"**/api/id/photos/{photo}")
    with page.expect_response(lambda answer: answer.request.method == "DELETE" and photo in answer.url) as answer:
        page.click("#delete-now")
    assert answer.value.status == 204
    expect(page.locator("#made")).to_be_hidden()
    expect(page.locator("#messages")).to_contain_text("deleted")


def test_a_second_screen_waits_and_then_has_its_turn(chromium: Chromium, box: KioskBox) -> None:
    first = mirror(chromium, box)
    first.uncheck("#automatic")
    second = chromium.open(f"{box.url}/id")
    expect(second.locator("#notice")).to_contain_text("Somebody is being photographed")
    assert second.evaluate("document.getElementById('preview').dataset.frames ?? null") is None
    first.goto(f"{box.url}/")
    until(second, "document.querySelectorAll('#checks li').length > 5")


def test_a_page_whose_seat_was_given_up_by_another_tab_sits_down_again(chromium: Chromium, box: KioskBox) -> None:
    page = mirror(chromium, box)
    page.uncheck("#automatic")
    with page.expect_response(lambda answer: answer.request.method == "POST" and answer.url.endswith("/seat")) as seat:
        page.evaluate(
            """async () => {
              const { csrf } = await (await fetch("/api/session")).json();
              await fetch("/api/id/seat", { method: "DELETE", headers: { "X-Packshot-Csrf": csrf } });
            }"""
        )
    assert seat.value.status == 204
    shown = page.evaluate("Number(document.getElementById('preview').dataset.frames)")
    until(page, f"Number(document.getElementById('preview').dataset.frames) > {shown} + 1")
    page.evaluate("document.getElementById('checks').replaceChildren()")
    until(page, "document.querySelectorAll('#checks li').length > 5")


def test_a_screen_that_waits_asks_no_more_often_however_often_the_box_is_found(
    chromium: Chromium, box: KioskBox
) -> None:
    first = mirror(chromium, box)
    first.uncheck("#automatic")
    second = chromium.open(f"{box.url}/id")
    hello = 'event: hello\ndata: {"version": "1"}\n\n'
    second.route("**/api/events", lambda route: route.fulfill(content_type="text/event-stream", body=hello))
    second.reload()
    for _ in range(6):
        second.wait_for_event("request", lambda request: request.url.endswith("/api/events"))
    second.unroute("**/api/events")
    with second.expect_response("**/api/events") as answer:
        pass
    assert answer.value.status == 200
    asked = []
    for _ in range(4):
        second.wait_for_event("request", lambda request: request.url.endswith("/api/id/seat"))
        asked.append(time.monotonic())
    assert asked[3] - asked[1] > 5  # the first may still be due to a link that was found


@pytest.mark.parametrize("name", ["phone", "dark", "german"])
def test_the_id_page_fits_the_screen_and_is_for_everybody(chromium: Chromium, box: KioskBox, name: str) -> None:
    size = PHONE if name == "phone" else TOUCH
    options: dict[str, object] = {"dark": {"color_scheme": "dark"}, "german": {"locale": "de-DE"}}.get(name, {})
    page = mirror(chromium, box, size, **options)
    page.uncheck("#automatic")
    assert violations(page) == []
    assert overflow(page) == 0
    chromium.keep(page, f"id-{name}")


@pytest.mark.parametrize("tab", FILLED)
def test_every_tab_of_the_set_up_is_for_everybody(chromium: Chromium, box: KioskBox, tab: str) -> None:
    for name, size, options in (
        ("touch", TOUCH, {}),
        ("phone", PHONE, {"color_scheme": "dark", "locale": "de-DE"}),
    ):
        page = chromium.open(f"{box.url}/admin#{tab}", size, **options)
        page.locator(f"#tab {FILLED[tab]}").first.wait_for()
        assert violations(page) == []
        assert overflow(page) == 0
        chromium.keep(page, f"admin-{tab}-{name}")
        chromium.close_pages()


def test_the_set_up_is_read_only_until_the_pin_is_right(chromium: Chromium, box: KioskBox) -> None:
    page = chromium.open(f"{box.url}/admin")
    page.click("#do-selftest")
    assert violations(page) == []
    page.fill("#pin", "999999")
    page.keyboard.press("Enter")
    expect(page.locator("#pin-answer")).to_have_text("That is not the PIN.")
    chromium.keep(page, "admin-pin")
    for digit in PIN:
        page.click(f".keys button:text-is('{digit}')")
    page.click(".keys button.primary")
    expect(page.locator("#lock")).to_contain_text("Unlocked")
    expect(page.locator("#selftest-result")).to_contain_text("golden photo IoU", timeout=60_000)
    chromium.keep(page, "admin-selftest")
    page.click("#lock")
    expect(page.locator("#lock")).to_contain_text("Read only")


def test_the_log_goes_on_after_a_restart_that_no_question_met(chromium: Chromium, box: KioskBox) -> None:
    page = chromium.open(f"{box.url}/admin#logs")
    log = {"run": "before", "count": 3}

    def answer(route: Route) -> None:
        after = int(route.request.url.partition("after=")[2])
        lines = [
            {"number": number, "at": "2026-01-01T00:00:00Z", "level": "info", "text": f"{log['run']} {number}"}
            for number in range(after + 1, int(log["count"]) + 1)
        ]
        route.fulfill(json={"run": log["run"], "lines": lines})

    page.route("**/api/admin/logs?*", answer)
    page.reload()
    lines = page.locator("#log > div")
    before = [re.compile(f"before {number}$") for number in (1, 2, 3)]
    expect(lines).to_have_text(before)
    log.update(run="after", count=5)
    expect(lines).to_have_text([*before, *(re.compile(f"after {number}$") for number in range(1, 6))])


def test_a_capture_is_withdrawn_and_deleted_by_hand(chromium: Chromium, box: KioskBox) -> None:
    visitor = box.visitor()
    capture = visitor.post("/api/captures", {"sku": "PURGE-1"}).json
    visitor.wait(capture["id"], "cut", "offered", "held")
    visitor.post(f"/api/captures/{capture['id']}/cancel")
    page = chromium.open(f"{box.url}/admin#spool")
    row = page.locator(f"tr[data-capture='{capture['id']}']")
    expect(row).to_contain_text("Withdrawn")
    row.locator("[data-verb=purge]").click()
    page.click("#purge-yes")
    page.fill("#pin", PIN)
    page.keyboard.press("Enter")
    expect(row).to_have_count(0)
    assert visitor.get(f"/api/captures/{capture['id']}").status == 404


def test_the_histogram_and_the_focus_are_alive(chromium: Chromium, box: KioskBox) -> None:
    page = chromium.open(f"{box.url}/admin#camera")
    until(page, "Number(document.getElementById('histogram')?.dataset.looks ?? 0) > 2")
    until(page, "Number(document.getElementById('camera-preview').dataset.frames ?? 0) > 2")
    assert page.evaluate("document.getElementById('meter-focus').value") > 0
