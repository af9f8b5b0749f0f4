"""Home Assistant's own schemas, parser and templates on what a box announces and says."""

import os
import shutil
import subprocess
from typing import Any

import pytest

from packshot.discovery import device_payload
from packshot.update.state import Phase, State
from packshot.updates import update_state
from tests.home_assistant import real

ASKED = bool(os.environ.get("TEST_HOME_ASSISTANT"))
MISSING = "" if shutil.which("mmdebstrap") else "needs mmdebstrap from apt"
SKIP = MISSING if ASKED else "a download of 130 MB: run tools/test-home-assistant"

pytestmark = pytest.mark.skipif(bool(SKIP), reason=f"Home Assistant: {SKIP}")

WELL: dict[str, Any] = {
    "version": "1",
    "camera": "ok",
    "engine": "litert-xnnpack",
    "spool": {"waiting": 2, "oldest_s": 1.5, "free_bytes": 1000},
    "memory_available_bytes": 4000,
    "temperature_c": 50.0,
    "throttled": [],
    "under_voltage": False,
    "busy": False,
    "degraded": [],
}
ILL: dict[str, Any] = {
    **WELL,
    "camera": "problem",
    "spool": {"waiting": 0},
    "temperature_c": None,
    "throttled": ["under-voltage"],
    "under_voltage": True,
    "degraded": ["camera: unplugged"],
}


def said() -> dict[str, Any]:
    """All that a box tells Home Assistant."""
    choices = {"preset": ["web", "ebay"], "profile": ["auto"]}
    discovery = device_payload("packshot/studio-1", "studio-1", "Studio", "Raspberry Pi 5", choices)
    fetching = State(phase=Phase.FETCH, latest="9.9.9")
    return {"discovery": discovery, "states": [WELL, ILL], "updates": [update_state(State()), update_state(fetching)]}


@pytest.fixture(scope="module")
def verdict() -> dict[str, Any]:
    """Of what a box says."""
    try:
        return real.judge(said())
    except subprocess.CalledProcessError as error:
        raise AssertionError(error.stderr) from error


def shown(verdict: dict[str, Any], name: str) -> list[str]:
    """What an entity shows in both states."""
    return list(verdict["shown"][name]["value_template"])


def test_home_assistant_has_nothing_against_any_of_it(verdict: dict[str, Any]) -> None:
    assert verdict["problems"] == []
    assert verdict["shown"].keys() == said()["discovery"]["components"].keys()


def test_problems_turn_on_when_the_box_is_ill(verdict: dict[str, Any]) -> None:
    for name in ("camera", "under_voltage", "throttled", "problem"):
        assert shown(verdict, name) == ["OFF", "ON"], name


def test_sensors_show_the_box_s_figures_and_nothing_where_there_is_none(verdict: dict[str, Any]) -> None:
    assert shown(verdict, "waiting") == ["2", "0"]
    assert shown(verdict, "temperature") == ["50.0", "None"]  # which Home Assistant takes for unknown
    assert shown(verdict, "oldest") == ["1.5", ""]


def test_an_announcement_with_a_mistake_is_found_out() -> None:
    wrong = said()
    wrong["discovery"]["components"]["engine"]["device_class"] = "no such class"
    wrong["discovery"]["components"]["camera"]["comand_topic"] = "misspelt"
    wrong["updates"] = [{"installed_version": []}]
    problems = " ".join(real.judge(wrong)["problems"])
    assert all(name in problems for name in ("engine: ", "camera: ", "update: "))
