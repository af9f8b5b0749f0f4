"""Who may do what."""

from packshot.kiosk.sessions import ADMIN_IDLE_S, MAX_SESSIONS, Role, Sessions


class Clock:
    def __init__(self) -> None:
        self.now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_browser_on_the_box_works_the_booth_and_one_elsewhere_does_not() -> None:
    sessions = Sessions("1234", "")
    assert sessions.role(sessions.open(local=True)) is Role.BOOTH
    assert sessions.role(sessions.open(local=False)) is Role.NOBODY


def test_the_right_to_change_lapses_when_it_is_not_used_and_the_booth_stays() -> None:
    clock = Clock()
    sessions = Sessions("1234", "", clock)
    session = sessions.open(local=False)
    assert sessions.enter(session, "1234")
    clock.now = ADMIN_IDLE_S - 1
    assert sessions.role(session) is Role.ADMIN
    sessions.used(session)
    clock.now += ADMIN_IDLE_S - 1
    assert sessions.role(session) is Role.ADMIN
    clock.now += 2
    assert sessions.role(session) is Role.BOOTH


def test_a_wrong_or_missing_pin_opens_nothing() -> None:
    for pin, typed in (("1234", "4321"), ("1234", ""), ("", ""), ("", "1234")):
        sessions = Sessions(pin, "")
        session = sessions.open(local=False)
        assert not sessions.enter(session, typed)
        assert sessions.role(session) is Role.NOBODY


def test_no_token_is_no_token() -> None:
    assert not Sessions("", "").is_token("")
    assert Sessions("", "secret").is_token("secret")
    assert not Sessions("", "secret").is_token("Secret")


def test_old_sessions_are_forgotten_before_memory_grows() -> None:
    sessions = Sessions("1234", "")
    first = sessions.open(local=True)
    kept = sessions.open(local=True)
    for _ in range(MAX_SESSIONS - 2):
        sessions.open(local=True)
        assert sessions.find(kept.cookie)
    sessions.open(local=True)
    assert sessions.find(first.cookie) is None
    assert sessions.find(kept.cookie) is kept


def test_secrets_are_not_shown_when_a_session_is_printed() -> None:
    session = Sessions("", "").open(local=True)
    assert session.cookie not in repr(session)
    assert session.csrf not in repr(session)
