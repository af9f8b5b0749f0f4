"""Rules: figures that move when the thing they measure moves, and states that say how sure we are."""

import msgspec
import numpy as np
import pytest

from packshot.idphoto import quality
from packshot.idphoto.faces import FaceFinder
from packshot.idphoto.findings import Finding, Guidance, Rule, State
from packshot.idphoto.guide import guide
from packshot.idphoto.head import measure_head
from packshot.idphoto.rules import judge, worst
from packshot.idphoto.spec import Backdrop, Spec
from packshot.idphoto.wording import MESSAGES, say
from tests.idphoto.heads import SKINS, Look, any_look, render

MESSAGES_3 = ("head_too_small", "head_height_ok", "head_too_large")


def look_at(finder: FaceFinder, specs: dict[str, Spec], look: Look, spec: str = "icao") -> Guidance:
    return guide(render(look)[0], finder, specs[spec])


def of(guidance: Guidance, rule: Rule) -> Finding:
    return next(finding for finding in guidance.findings if finding.rule is rule)


@pytest.mark.parametrize(
    ("figure", "sd", "state", "message"),
    [
        (75.0, 1.0, State.OK, "head_height_ok"),
        (65.0, 1.0, State.NOT_OK, "head_too_small"),
        (85.0, 1.0, State.NOT_OK, "head_too_large"),
        (70.2, 1.0, State.UNSURE, "head_height_ok"),
        (69.8, 1.0, State.UNSURE, "head_too_small"),
        (75.0, 9.0, State.UNSURE, "head_height_ok"),
    ],
)
def test_a_figure_near_its_limit_or_badly_known_is_unsure(figure: float, sd: float, state: State, message: str) -> None:
    found = judge(Rule.HEAD_HEIGHT, figure, sd, (70.0, 80.0), MESSAGES_3, "%")
    assert (found.state, found.message) == (state, message)


def test_confidence_is_how_often_the_state_is_right() -> None:
    """Against the slow way: draw the true figure again and again about the measured one."""
    rng = np.random.default_rng(5)
    for figure in (66.0, 69.5, 71.0, 75.0, 79.0, 83.0):
        true = rng.normal(figure, 2.0, 200_000)
        inside = float(((true >= 70) & (true <= 80)).mean())
        found = judge(Rule.HEAD_HEIGHT, figure, 2.0, (70.0, 80.0), MESSAGES_3)
        assert found.confidence == pytest.approx(inside if 70 <= figure <= 80 else 1 - inside, abs=0.005)


def test_the_worst_state_wins() -> None:
    ok, unsure, broken = (Finding(Rule.TILT, state, "tilt_ok") for state in (State.OK, State.UNSURE, State.NOT_OK))
    assert worst([ok, ok]) is State.OK
    assert worst([ok, unsure]) is State.UNSURE
    assert worst([unsure, broken, ok]) is State.NOT_OK


@pytest.mark.parametrize("tone", SKINS)
def test_somebody_who_sits_well_is_told_to_hold_still_in_every_skin_tone(
    finder: FaceFinder, specs: dict[str, Spec], tone: str
) -> None:
    guidance = look_at(finder, specs, Look(skin=SKINS[tone], hair=(40, 30, 26)))
    assert (guidance.message, guidance.ready) == ("ready", True)
    assert len(guidance.faces) == 1
    assert of(guidance, Rule.EXPOSURE).ok
    assert of(guidance, Rule.LIGHT).ok


@pytest.mark.parametrize(
    ("wrong", "message"),
    [
        ({"head_px": 150.0}, "come_nearer"),
        ({"head_px": 860.0, "centre": (450.0, 560.0)}, "step_back"),
        ({"centre": (160.0, 430.0)}, "move_right"),
        ({"centre": (740.0, 430.0)}, "move_left"),
        ({"centre": (450.0, 190.0)}, "head_near_top"),
        ({"roll_deg": 12.0}, "tilt_right"),
        ({"roll_deg": -12.0}, "tilt_left"),
        ({"gain": 1.9}, "too_bright"),
        ({"gain": 0.02}, "too_dark"),
        ({"light": -0.9}, "light_from_left"),
        ({"light": 0.9}, "light_from_right"),
        ({"background": (150, 40, 40)}, "background_wrong"),
        ({"blur_px": 6.0, "noise": 0.5}, "blurred"),
    ],
)
def test_the_one_thing_that_is_wrong_is_what_is_said(
    finder: FaceFinder, specs: dict[str, Spec], wrong: dict[str, object], message: str
) -> None:
    guidance = look_at(finder, specs, any_look(3, "III", roll_deg=wrong.pop("roll_deg", 0.0), **wrong))
    assert guidance.message == message
    assert not guidance.ready


def test_nobody_and_two_people_are_said_so(finder: FaceFinder, specs: dict[str, Spec]) -> None:
    empty = np.full((480, 640, 3), 210, np.uint8)
    assert guide(empty, finder, specs["icao"]).message == "no_face"
    two = np.hstack([render(any_look(seed, "II"))[0] for seed in (1, 2)])
    guidance = guide(two, finder, specs["icao"])
    assert guidance.message == "several_faces"
    assert len(guidance.faces) == 2


def test_a_shadow_on_the_wall_is_seen_where_the_person_is_known(finder: FaceFinder) -> None:
    drops = []
    for shadow in (0.0, 0.25, 0.5):
        photo, _ = render(Look(shadow=shadow))
        (face,) = finder.find(photo)
        bare, _ = render(Look(shadow=0.0))
        alpha = (np.abs(bare.astype(np.int16) - 213).max(axis=2) > 28).astype(np.uint8) * 255
        head = measure_head(photo, alpha, face)
        drop = quality.shadow(photo, quality.background_mask(photo.shape, head, alpha), head)
        assert drop is not None
        drops.append(drop)
    assert drops[0] < 3 < drops[1] < drops[2]
    assert drops[2] > 15


def test_figures_rise_with_what_they_measure(finder: FaceFinder) -> None:
    def patch(**changes: object) -> np.ndarray:
        photo, _ = render(any_look(3, "III", roll_deg=0.0, **changes))
        return quality.face_patch(photo, finder.find(photo)[0])

    sharp = [quality.sharpness(patch(blur_px=blur)) for blur in (0.0, 2.0, 4.0)]
    assert sharp[0] > sharp[1] > sharp[2]
    side = [quality.side_light(patch(light=light)) for light in (-0.6, 0.0, 0.6)]
    assert side[0] < -0.1 < side[1] < 0.1 < side[2]
    assert quality.redness(patch(red_eyes=True)) > 0.45 > quality.redness(patch())
    assert quality.burnt_share(patch(gain=1.9)) > 0.2 > 0.01 > quality.burnt_share(patch())


@pytest.mark.parametrize("tone", SKINS)
def test_sharpness_and_side_light_do_not_depend_on_the_skin(finder: FaceFinder, tone: str) -> None:
    photo, _ = render(Look(skin=SKINS[tone], light=0.0))
    patch = quality.face_patch(photo, finder.find(photo)[0])
    assert quality.sharpness(patch) == pytest.approx(0.62, abs=0.12)
    assert abs(quality.side_light(patch)) < 0.08


@pytest.mark.parametrize(
    ("colour", "spec", "ok"),
    [
        ((88, 150, 214), "cn", True),
        ((100, 197, 255), "cn", True),
        ((214, 214, 212), "cn", False),
        ((60, 160, 80), "cn", False),
        ((240, 240, 238), "us", True),
        ((170, 170, 168), "us", False),
        ((214, 210, 200), "uk", True),
        ((255, 255, 255), "uk", False),
        ((214, 214, 212), "icao", True),
        ((60, 70, 90), "icao", False),
    ],
)
def test_each_spec_wants_its_own_background(
    finder: FaceFinder, specs: dict[str, Spec], colour: tuple[int, int, int], spec: str, ok: bool
) -> None:
    found = of(look_at(finder, specs, Look(background=colour, noise=0.5), spec), Rule.BACKGROUND)
    assert (found.state is State.NOT_OK) is not ok, found


@pytest.mark.parametrize(("colour", "ok"), [((200, 90, 110), True), ((205, 75, 80), True), ((90, 130, 200), False)])
def test_a_range_of_hues_may_run_through_zero(
    finder: FaceFinder, specs: dict[str, Spec], colour: tuple[int, int, int], ok: bool
) -> None:
    red = Backdrop(name="red", lightness=(30, 80), chroma=(18, 110), hue=(340, 40))
    own = {"red": msgspec.structs.replace(specs["icao"], background=red)}
    found = of(look_at(finder, own, Look(background=colour, noise=0.5), "red"), Rule.BACKGROUND)
    assert (found.state is State.NOT_OK) is not ok, found


def test_every_message_can_be_said() -> None:
    for key in MESSAGES:
        sentence = say(key, count=2, side="left", missing_px=3, eye_distance_px=20, least_px=90)
        assert "{" not in sentence
        assert "…" not in sentence
