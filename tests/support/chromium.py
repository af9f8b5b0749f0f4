"""A real Chromium, headless: pages that must not complain, screenshots that are kept, and axe's opinion.

with Chromium() as browser:
    page = browser.open("http://127.0.0.1:8480/", size=(1024, 600))
    browser.keep(page, "booth")
    assert violations(page) == []
    browser.check()      # nothing was written to any page's console
"""

import os
import shutil
from pathlib import Path
from types import TracebackType
from typing import Any, Self

import pytest
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, Page, expect, sync_playwright

PROGRAM = shutil.which("chromium") or shutil.which("chromium-browser") or "/usr/bin/chromium"
SCREENSHOTS = Path(os.environ.get("KIOSK_SCREENSHOTS", Path(__file__).parents[2] / "out" / "kiosk"))
WAIT_MS = 45_000
TOUCH = (1024, 600)
PHONE = (390, 844)
RULES = ["wcag2a", "wcag2aa", "wcag21a", "wcag21aa", "wcag22aa", "best-practice"]


class Chromium:
    """One browser program; every page has a profile of its own."""

    def __init__(self) -> None:
        if not Path(PROGRAM).exists():
            pytest.skip("chromium is not installed: apt install chromium")
        expect.set_options(timeout=WAIT_MS)
        self._playwright = sync_playwright().start()
        self._browser: Browser = self._playwright.chromium.launch(executable_path=PROGRAM, args=["--no-sandbox"])
        self.complaints: list[str] = []

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._browser.close()
        self._playwright.stop()

    def open(self, url: str, size: tuple[int, int] = TOUCH, **options: Any) -> Page:
        """A page in a profile of its own; what it writes to its console is a complaint."""
        width, height = size
        options = {"locale": "en-GB", "reduced_motion": "reduce", **options}
        context = self._browser.new_context(viewport={"width": width, "height": height}, **options)
        context.set_default_timeout(WAIT_MS)
        page = context.new_page()
        page.on("console", lambda message: self._note(message.type, message.text))
        page.on("pageerror", lambda error: self.complaints.append(f"error: {error}"))
        page.goto(url, wait_until="commit")
        return page

    def keep(self, page: Page, name: str) -> Path:
        """A screenshot, kept for people to look at."""
        SCREENSHOTS.mkdir(parents=True, exist_ok=True)
        path = SCREENSHOTS / f"{name}.png"
        page.screenshot(path=path)
        return path

    def close_pages(self) -> None:
        """Close every profile, so that no stream goes on."""
        for context in list(self._browser.contexts):
            context.close()

    def _note(self, kind: str, text: str) -> None:
        # A refused or lost request is written to the console by the browser itself; the pages say it in words.
        if kind in ("error", "warning") and not text.startswith("Failed to load resource"):
            self.complaints.append(f"{kind}: {text}")


def violations(page: Page) -> list[str]:
    """What axe-core finds wrong, one line each."""
    results = Axe().run(page, options={"runOnly": RULES, "resultTypes": ["violations"]})
    return [
        f"{found['id']}: {found['help']} ({'; '.join(str(node['target']) for node in found['nodes'])})"
        for found in results.response["violations"]
    ]


def overflow(page: Page) -> int:
    """Pixels by which the page is wider than the screen."""
    return int(page.evaluate("document.documentElement.scrollWidth - document.documentElement.clientWidth"))


def until(page: Page, expression: str) -> None:
    """Wait for a JavaScript expression, without eval, which the pages' policy forbids."""
    deadline = WAIT_MS // 50
    for _ in range(deadline):
        if page.evaluate(expression):
            return
        page.wait_for_timeout(50)
    raise AssertionError(f"never true: {expression}")
