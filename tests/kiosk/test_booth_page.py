"""The product booth in a real browser: what a shop assistant does, and what they see."""

import signal
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Page, expect

from tests.support.chromium import PHONE, TOUCH, Chromium, overflow, until, violations
from tests.support.kiosk import KioskBox
from tests.support.mosquitto import Broker

pytestmark = [pytest.mark.e2e, pytest.mark.browser]


def booth(chromium: Chromium, box: KioskBox, size: tuple[int, int] = TOUCH, **options: object) -> Page:
    """The page once its live picture moves."""
    page = chromium.open(f"{box.url}/", size, **options)
    until(page, "Number(document.getElementById('preview')?.dataset.frames ?? 0) > 1")
    return page


def scan(page: Page, code: str) -> None:
    """A barcode scanner that is a keyboard: fast, and Enter at the end."""
    page.keyboard.type(code, delay=2)
    page.keyboard.press("Enter")


def shoot(page: Page) -> None:
    """Press the shutter and wait for the cutout."""
    before = page.locator("#stage").get_attribute("data-result")
    page.click("#shutter")
    until(
        page, f"document.getElementById('stage').dataset.result !== {('undefined' if before is None else repr(before))}"
    )


def test_a_product_is_photographed_by_scanning_and_pressing(chromium: Chromium, box: KioskBox) -> None:
    page = booth(chromium, box)
    chromium.keep(page, "booth-live")
    scan(page, "TEA-0815")
    expect(page.locator("#sku")).to_have_value("TEA-0815")
    page.click("#shutter")
    expect(page.locator("#before")).to_be_visible()
    until(page, "document.getElementById('stage').dataset.result")
    expect(page.locator("#after")).to_be_visible()
    expect(page.locator("#verdict")).to_contain_text("TEA-0815")
    expect(page.locator("#recent li").first).to_contain_text("TEA-0815")
    expect(page.locator("#angle")).to_have_text("2")
    chromium.keep(page, "booth-result")


def test_the_live_picture_moves_and_goes_on_beside_the_result(chromium: Chromium, box: KioskBox) -> None:
    page = booth(chromium, box)
    picture = "document.getElementById('preview').toDataURL()"
    first = page.evaluate(picture)
    until(page, f"{picture} !== {first!r}")
    shoot(page)
    frames = int(page.locator("#preview").get_attribute("data-frames") or 0)
    until(page, f"Number(document.getElementById('preview').dataset.frames) > {frames + 5}")


def test_the_modes_of_the_live_picture_are_told_by_the_box(chromium: Chromium, box: KioskBox) -> None:
    page = booth(chromium, box)
    for mode in ("cutout", "plain", "outline"):
        page.click(f"[data-mode={mode}]")
        until(page, f"document.getElementById('preview').dataset.mode === '{mode}'")
        chromium.keep(page, f"booth-live-{mode}")


def test_the_slider_shows_the_photo_and_the_cutout(chromium: Chromium, box: KioskBox) -> None:
    page = booth(chromium, box)
    shoot(page)
    slider = page.locator("#split")
    slider.focus()
    page.keyboard.press("Home")
    assert page.evaluate("document.getElementById('frame').style.getPropertyValue('--split')") == "100%"
    page.keyboard.press("End")
    assert page.evaluate("document.getElementById('frame').style.getPropertyValue('--split')") == "0%"


def test_a_retake_replaces_the_photo_of_the_same_view(chromium: Chromium, box: KioskBox) -> None:
    page = booth(chromium, box)
    scan(page, "RETAKE-1")
    shoot(page)
    first = box.visitor().get("/api/captures?limit=1").json["captures"][0]
    page.click("[data-action=retake]")
    until(page, f"document.getElementById('stage').dataset.result !== '{first['id']}'")
    second = box.visitor().get("/api/captures?limit=1").json["captures"][0]
    assert (second["sku"], second["angle"], second["revision"]) == ("RETAKE-1", 0, 2)
    assert second["supersedes"] == first["id"]
    expect(page.locator("#verdict")).to_contain_text("retake 2")


def test_escape_and_the_small_live_picture_lead_back(chromium: Chromium, box: KioskBox) -> None:
    page = booth(chromium, box)
    for leave in (lambda: page.keyboard.press("Escape"), lambda: page.click("#live")):
        shoot(page)
        expect(page.locator("#stage")).to_have_attribute("data-shows", "result")
        leave()
        expect(page.locator("#stage")).to_have_attribute("data-shows", "live")


def test_everything_can_be_done_without_a_mouse(chromium: Chromium, box: KioskBox) -> None:
    page = booth(chromium, box)
    scan(page, "KEYS-1")
    page.keyboard.press("Space")
    until(page, "document.getElementById('stage').dataset.result")
    expect(page.locator("#verdict")).to_contain_text("KEYS-1")
    seen = set()
    for _ in range(40):
        page.keyboard.press("Tab")
        seen.add(page.evaluate("document.activeElement.id || document.activeElement.dataset.action || ''"))
    assert {"sku", "preset", "profile", "angle-up", "plate", "shutter", "split", "live", "retake"} <= seen


@pytest.mark.parametrize("sku", ["<img src=x onerror=alert(1)>", "\"'><script>alert(1)</script>", "../../etc"])
def test_a_hostile_sku_is_text_and_nothing_else(chromium: Chromium, box: KioskBox, sku: str) -> None:
    page = booth(chromium, box)
    page.on("dialog", lambda dialog: chromium.complaints.append(f"dialog: {dialog.message}"))
    page.fill("#sku", sku)
    page.keyboard.press("Enter")
    page.click("#shutter")
    expect(page.locator("#messages")).to_contain_text("cannot be used")
    page.fill("#sku", "&lt;b&gt; ${7} {{x}}")
    shoot(page)
    expect(page.locator("#verdict .name")).to_have_text("&lt;b&gt; ${7} {{x}}")
    assert page.locator("#verdict b, #verdict img, #recent img[onerror]").count() == 0


def test_two_browsers_see_each_others_captures(chromium: Chromium, box: KioskBox) -> None:
    one, other = booth(chromium, box), booth(chromium, box, PHONE)
    scan(one, "SHARED-1")
    shoot(one)
    expect(other.locator("#recent li").first).to_contain_text("SHARED-1")
    scan(other, "SHARED-2")
    shoot(other)
    expect(one.locator("#recent li").first).to_contain_text("SHARED-2")


def test_the_empty_table_is_photographed_step_by_step(chromium: Chromium, box: KioskBox) -> None:
    page = booth(chromium, box)
    page.click("#plate")
    assert violations(page) == []
    page.click("#plate-now")
    expect(page.locator(".plate-picture")).to_be_visible()
    until(page, "document.querySelector('.plate-picture').naturalWidth > 0")
    chromium.keep(page, "booth-plate")
    page.click("#plate-forget")
    expect(page.locator("#plate-text")).to_have_text("Photograph")


@pytest.mark.parametrize("name", ["touch", "phone", "dark", "german"])
def test_the_booth_fits_the_screen_and_is_for_everybody(chromium: Chromium, box: KioskBox, name: str) -> None:
    size = PHONE if name == "phone" else TOUCH
    options: dict[str, object] = {"dark": {"color_scheme": "dark"}, "german": {"locale": "de-DE"}}.get(name, {})
    page = booth(chromium, box, size, **options)
    assert violations(page) == []
    assert overflow(page) == 0
    before = places(page)
    shoot(page)
    assert violations(page) == []
    assert overflow(page) == 0
    assert places(page) == before
    chromium.keep(page, f"booth-{name}")


def places(page: Page) -> list[object]:
    """Where things are that must not jump."""
    rectangles = "document.getElementById(id).getBoundingClientRect()"
    names = "['stage', 'sku', 'preset', 'plate', 'verdict', 'shutter', 'recent']"
    script = f"{names}.map((id) => {{ const r = {rectangles}; return [r.x, r.y, r.width, r.height]; }})"
    return list(page.evaluate(script))


# Boxes of their own ------------------------------------------------------------------------------


@pytest.fixture
def strict_box(tmp_path: Path, kiosk_broker: Broker, stage: Path) -> Iterator[KioskBox]:
    """Holds every cutout back for a person to look at."""
    cut = {"verdict": {"shorter_side_below": 5000}}
    with KioskBox(tmp_path, kiosk_broker.port, stage / "products", camera={"kind": "scenes"}, cut=cut) as appliance:
        appliance.configure(device={"id": "strict"})
        appliance.open()
        yield appliance


def test_a_held_cutout_says_why_and_is_released(chromium: Chromium, strict_box: KioskBox) -> None:
    page = booth(chromium, strict_box)
    shoot(page)
    expect(page.locator("#verdict")).to_contain_text("Held: please look")
    expect(page.locator("#verdict")).to_contain_text("too small. Move it closer")
    assert violations(page) == []
    chromium.keep(page, "booth-held")
    page.click("[data-action=release]")
    expect(page.locator("#verdict")).not_to_contain_text("Held")
    assert strict_box.visitor().get("/api/captures?limit=1").json["captures"][0]["stage"] in ("cut", "offered")
    shoot(page)
    page.click("[data-action=refuse]")
    expect(page.locator("#verdict")).to_contain_text("Not published")


QUIET_BOX = """
  window.hungUp = 0;
  window.EventSource = class extends EventTarget {
    constructor() {
      super();
      setTimeout(() => this.say("hello"), 0);
      setInterval(() => this.say("alive"), 10000);
    }
    say(name) { this.dispatchEvent(new MessageEvent(name, { data: "{}" })); }
    close() { window.hungUp += 1; }
  };
"""  # sends what a box sends where nothing happens


def test_a_box_where_nothing_happens_is_not_taken_for_lost(chromium: Chromium, box: KioskBox) -> None:
    page = booth(chromium, box)
    page.add_init_script(QUIET_BOX)
    page.clock.install()
    page.reload()
    until(page, "document.body.dataset.link === 'up'")
    page.clock.run_for(120_000)
    assert page.evaluate("hungUp") == 0


def test_a_page_survives_the_restart_of_the_box(chromium: Chromium, strict_box: KioskBox) -> None:
    page = booth(chromium, strict_box)
    scan(page, "BEFORE-1")
    shoot(page)
    strict_box.stop("run", signal.SIGKILL)
    expect(page.locator("#lost")).to_be_visible()
    chromium.keep(page, "booth-lost")
    page.click("#shutter")
    expect(page.locator("#messages")).to_contain_text("does not answer")
    frames = int(page.locator("#preview").get_attribute("data-frames") or 0)
    time.sleep(1)
    strict_box.open()
    expect(page.locator("#lost")).to_have_count(0)
    until(page, f"Number(document.getElementById('preview').dataset.frames) > {frames + 3}")
    shoot(page)
    expect(page.locator("#recent li")).to_have_count(2)
    expect(page.locator("#sku")).to_have_value("BEFORE-1")
