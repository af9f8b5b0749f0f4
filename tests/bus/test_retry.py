"""How long to wait after a connection ended, and which version to try, from a history of endings."""

from packshot.bus import problems
from packshot.bus.link import NO_ANSWER, Ending, Link, LinkHooks
from packshot.bus.retry import SUSPICIOUS_ENDS, Patience, VersionChoice
from packshot.bus.settings import MqttSettings

SETTINGS = MqttSettings("localhost", "box", backoff_first_s=1, backoff_cap_s=60, lost_cap_s=4, takeover_backoff_s=100)
BROKE = Ending(problems.UNSPECIFIED, "", idle=False)
BROKE_IDLE = Ending(problems.UNSPECIFIED, "", idle=True)


def link(accepted: bool = True, v5: bool = True, session_present: bool = True) -> Link:
    hooks = LinkHooks(lambda: None, lambda _: None, lambda *_: None, lambda _: None)
    made = Link(SETTINGS, v5, hooks)
    made.accepted, made.session_present = accepted, session_present
    return made


def test_a_broker_that_is_not_there_is_asked_more_and_more_rarely() -> None:
    patience = Patience(SETTINGS)
    waits = []
    for _ in range(12):
        patience.note(link(accepted=False), None, 0.0)
        waits.append(patience.next_s())
    assert 0.5 <= waits[0] <= 1
    assert 30 <= waits[-1] <= 60


def test_a_bad_network_is_used_again_soon() -> None:
    patience = Patience(SETTINGS)
    for _ in range(50):
        patience.note(link(), BROKE, 2.0)
        assert patience.next_s() <= 4


def test_a_connection_that_lasted_makes_the_next_wait_short() -> None:
    patience = Patience(SETTINGS)
    for _ in range(5):
        patience.note(link(), BROKE, 2.0)
        patience.next_s()
    patience.note(link(), BROKE, 100.0)
    assert patience.next_s() <= 1


def test_being_told_of_a_takeover_means_a_long_wait() -> None:
    patience = Patience(SETTINGS)
    patience.note(link(), Ending(problems.TAKEN_OVER, "", idle=True), 100.0)
    assert patience.thrown_out
    assert patience.next_s() >= 50


def test_being_thrown_out_in_silence_again_and_again_means_a_long_wait() -> None:
    patience = Patience(SETTINGS)
    for _ in range(SUSPICIOUS_ENDS):
        assert patience.next_s() <= 4
        patience.note(link(), BROKE_IDLE, 1.0)
    assert patience.next_s() >= 50


def test_a_broker_that_comes_back_empty_throws_nobody_out() -> None:
    patience = Patience(SETTINGS)
    for _ in range(20):
        patience.note(link(session_present=False), BROKE_IDLE, 1.0)
        assert patience.next_s() <= 4


def test_unsupported_version_is_believed_for_good() -> None:
    choice = VersionChoice(SETTINGS)
    assert choice.note(link(accepted=False), Ending(problems.UNSUPPORTED_PROTOCOL, "", idle=True)), "at once"
    assert not choice.v5
    choice.note(link(v5=False), BROKE)
    assert not choice.v5


def test_no_answer_to_version_5_is_an_answer_and_to_both_is_none() -> None:
    choice = VersionChoice(SETTINGS)
    assert choice.note(link(accepted=False), Ending(NO_ANSWER, "", idle=True))
    assert not choice.v5
    assert not choice.note(link(accepted=False, v5=False), Ending(NO_ANSWER, "", idle=True)), "after a pause"
    assert choice.v5


def test_a_broker_that_hangs_up_is_tried_in_3_1_1_now_and_then() -> None:
    choice = VersionChoice(SETTINGS)
    tried = []
    for _ in range(6):
        choice.note(link(accepted=False, v5=choice.v5), BROKE_IDLE)
        tried.append(choice.v5)
    assert tried == [True, False, True, True, False, True]
    choice.note(link(v5=False), BROKE)
    assert choice.v5, "it was perhaps only going down"


def test_a_configured_version_is_kept() -> None:
    choice = VersionChoice(MqttSettings("localhost", "box", protocol="5"))
    assert not choice.note(link(accepted=False), Ending(problems.UNSUPPORTED_PROTOCOL, "", idle=True))
    assert choice.v5
