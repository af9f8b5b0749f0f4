"""After a connection ended: how long to wait, and which version of MQTT to try next."""

from packshot.bus import problems
from packshot.bus.link import NO_ANSWER, Ending, Link
from packshot.bus.settings import MqttSettings
from packshot.platform.backoff import Backoff

SUSPICIOUS_ENDS = 6
SILENT_BEFORE_FALLBACK = 2


class Patience:
    """How long to wait before the next attempt.

    A broker that cannot be reached is asked more and more rarely. A connection that was up and broke is made again
    soon, with a little more patience while they break quickly.

    Two clients with one id throw each other out. Version 5 brokers should say so; mosquitto 2.0 keeps silent, so a
    session that is resumed and ends soon, idle and without a reason, several times in a row counts as thrown out too.
    Whoever is thrown out waits so long that people can read the log.
    """

    def __init__(self, settings: MqttSettings) -> None:
        self._stable_after_s = settings.stable_after_s
        self._failed = Backoff(settings.backoff_first_s, settings.backoff_cap_s)
        self._lost = Backoff(settings.backoff_first_s, min(settings.lost_cap_s, settings.backoff_cap_s))
        self._takeover = Backoff(settings.takeover_backoff_s, 10 * settings.takeover_backoff_s)
        self._was_up = False
        self._taken_over = False
        self._suspicious = 0

    @property
    def thrown_out(self) -> bool:
        """Whether another client seems to use our id."""
        return self._taken_over or self._suspicious >= SUSPICIOUS_ENDS

    def note(self, link: Link, ending: Ending | None, lasted_s: float) -> None:
        """Remember how the last connection went; ``ending`` None if it could not be opened."""
        self._was_up = link.accepted
        self._taken_over = ending is not None and ending.code == problems.TAKEN_OVER
        if ending is None or not link.accepted:
            return
        self._failed.reset()
        unexplained = ending.code == problems.UNSPECIFIED and ending.idle and link.session_present
        if lasted_s < self._stable_after_s:
            self._suspicious = self._suspicious + 1 if unexplained else 0
            return
        self._lost.reset()
        self._suspicious = 0
        if not self._taken_over:
            self._takeover.reset()

    def next_s(self) -> float:
        """Seconds to wait."""
        if self.thrown_out:
            self._suspicious = 0
            return self._takeover.next_s()
        return (self._lost if self._was_up else self._failed).next_s()


class VersionChoice:
    """MQTT 5 where the broker speaks it, else 3.1.1.

    A broker that says "unsupported version", or that leaves version 5 without an answer and takes 3.1.1, is believed
    for good. One that hangs up before it answers may just be going down, so after two of those 3.1.1 is tried, and the
    next connection begins with 5 again.
    """

    def __init__(self, settings: MqttSettings) -> None:
        self._auto = settings.protocol == "auto"
        self._silent = 0
        self.v5 = settings.protocol != "3.1.1"

    def note(self, link: Link, ending: Ending | None) -> bool:
        """Learn from how an attempt ended; True if the other version should be tried at once."""
        if not self._auto or ending is None:
            return False
        if link.accepted:
            self.v5 = self.v5 or self._silent > 0
            self._silent = 0
            return False
        if ending.code in (problems.UNSUPPORTED_PROTOCOL, NO_ANSWER):
            self.v5 = not link.v5
            return link.v5
        if link.refused_by_name:
            return False
        self._silent += 1
        self.v5 = self._silent % (SILENT_BEFORE_FALLBACK + 1) != SILENT_BEFORE_FALLBACK
        return False
