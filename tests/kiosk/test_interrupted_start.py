"""A page whose box goes away while it loads: it comes up by itself once the box is back."""

import signal

import pytest
from playwright.sync_api import Page, Route, expect

from tests.support.chromium import TOUCH, Chromium, until
from tests.support.kiosk import KioskBox
from tests.support.waiting import eventually

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def blank(chromium: Chromium) -> Page:
    return chromium.open("about:blank", TOUCH)


def started(page: Page) -> None:
    expect(page.locator("html[data-started=yes]")).to_be_attached()


def shows_the_live_picture(page: Page) -> None:
    started(page)
    until(page, "Number(document.getElementById('preview')?.dataset.frames ?? 0) > 1")


@pytest.mark.parametrize("lost", ["js/live.js", "js/booth/main.js", "css/base.css", "locales/en.json"])
def test_a_page_that_lost_one_of_its_files_is_loaded_again(chromium: Chromium, box: KioskBox, lost: str) -> None:
    page, losses = blank(chromium), []

    def once(route: Route) -> None:
        if losses:
            route.fallback()
        else:
            losses.append(route.request.url)
            route.abort("connectionreset")

    page.route(f"**/static/{lost}", once)
    page.goto(f"{box.url}/", wait_until="commit")
    shows_the_live_picture(page)
    assert len(losses) == 1
    if "error: Failed to fetch" in chromium.complaints:
        chromium.complaints.remove("error: Failed to fetch")  # what the page said of the very file that it lost


def test_a_box_killed_before_any_other_file_came_is_found_again(chromium: Chromium, box: KioskBox) -> None:
    page, held = blank(chromium), []

    def hold(route: Route) -> None:
        held.append(route)

    page.route("**/static/**", hold)
    page.goto(f"{box.url}/", wait_until="commit")
    eventually(lambda: page.wait_for_timeout(50) or len(held) >= 3, "requests")
    box.stop("run", signal.SIGKILL)
    for route in held:
        route.abort("connectionreset")
    page.unroute_all()
    page.wait_for_timeout(5000)  # long enough to have asked a dead box
    assert page.url == f"{box.url}/"
    box.open()
    shows_the_live_picture(page)


def test_a_page_that_has_started_is_left_alone(chromium: Chromium, box: KioskBox) -> None:
    page = chromium.open(f"{box.url}/", TOUCH)
    started(page)
    page.evaluate("window.same = true")
    page.wait_for_timeout(22_000)
    assert page.evaluate("window.same") is True
    assert page.evaluate("sessionStorage.getItem('packshot-tries')") is None
