"""Every word a page or the box can ask for is in every catalogue, and nothing else comes from outside."""

import json
import re
from pathlib import Path

import pytest

from packshot.domain import Stage
from packshot.idphoto.findings import Rule, State
from packshot.idphoto.wording import MESSAGES
from packshot.kiosk.door import POLICY
from packshot.matting.plate import PlateState
from packshot.matting.verdict import Thresholds, _checks
from packshot.platform.resources import package_path

STATIC = package_path("kiosk", "static")
LANGUAGES = [one["code"] for one in json.loads((STATIC / "locales" / "index.json").read_text())]
SOURCES = [path for path in STATIC.rglob("*") if path.suffix in (".html", ".js", ".css")]


def catalogue(code: str) -> dict[str, str]:
    return dict(json.loads((STATIC / "locales" / f"{code}.json").read_text("utf-8")))


def asked_for() -> set[str]:
    """Keys that pages and scripts name."""
    keys: set[str] = set()
    for path in SOURCES:
        text = path.read_text("utf-8")
        keys.update(re.findall(r'data-i18n(?:-label|-placeholder|-alt)?="([^"]+)"', text))
        keys.update(re.findall(r'\bt\("([a-z][\w.-]+)"', text))
    return keys


def test_there_are_two_languages_and_each_has_the_keys_of_the_other() -> None:
    assert {"en", "de"} <= set(LANGUAGES)
    for code in LANGUAGES:
        missing = {key for key in catalogue("en") if key not in catalogue(code)}
        assert missing == set()


def test_every_key_that_is_asked_for_is_there() -> None:
    assert asked_for() - set(catalogue("en")) == set()


@pytest.mark.parametrize("code", ["en", "de"])
def test_everything_the_box_can_say_of_a_photo_has_plain_words(code: str) -> None:
    words = catalogue(code)
    scores = ("coverage", "unsure", "touching", "clipped", "rim_contrast", "seen_through", "shorter_side_px")
    worst = dict.fromkeys(scores, 0.0)
    reasons = {"no subject found", *(text for _, text in _checks(worst, Thresholds()))}
    reasons |= {state.value for state in PlateState if state is not PlateState.FITS}
    assert {reason for reason in reasons if f"reason.{reason}" not in words} == set()
    assert {stage for stage in Stage if stage is not Stage.CAPTURED and f"stage.{stage}" not in words} == set()
    assert {rule for rule in Rule if f"rule.{rule}" not in words} == set()
    assert {state for state in State if f"state.{state}" not in words or f"id.keeps.{state}" not in words} == set()


def test_in_german_every_advice_for_an_id_photo_is_german() -> None:
    good = {name for name in MESSAGES if name.endswith(("_ok", "_even"))}
    assert {name for name in set(MESSAGES) - good if f"id.say.{name}" not in catalogue("de")} == set()


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(STATIC)))
def test_nothing_is_inline_foreign_or_parsed(path: Path) -> None:
    text = path.read_text("utf-8").replace("http://www.w3.org/2000/svg", "")
    assert not re.search(r"https?://|//cdn|@import", text)
    assert not re.search(r"innerHTML|outerHTML|insertAdjacentHTML|document\.write|\beval\(|new Function", text)
    if path.suffix == ".html":
        assert not re.search(r"<style|\sstyle=|\son\w+=|<script(?![^>]*src=)", text)
    assert len(text.splitlines()) <= 400


def test_the_policy_allows_only_the_box_itself() -> None:
    sources = {word for directive in POLICY.split("; ") for word in directive.split()[1:]}
    assert sources == {"'none'", "'self'", "blob:", "'script'"}
