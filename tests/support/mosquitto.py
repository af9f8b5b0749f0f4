"""A real mosquitto of one's own: started on a free loopback port with a throw-away configuration.

with Broker(tmp_path) as broker:
    bus = MqttBus(broker.settings("box-1"))
    broker.kill()      # kill -9: whatever was in memory is gone
    broker.start()     # same port, same configuration
"""

import getpass
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path
from typing import Any, Self

import pytest

MOSQUITTO = shutil.which("mosquitto", path="/usr/sbin:/usr/local/sbin:/usr/bin:/usr/local/bin")
PASSWD = shutil.which("mosquitto_passwd")
START_S = 10.0


def free_port() -> int:
    """A TCP port on loopback that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class Broker:
    """One mosquitto. ``global_options`` and ``listener_options`` are lines of mosquitto.conf.

    With ``users`` anonymous clients are refused; ``acl`` is the text of an ACL file; ``persistence`` keeps sessions
    and retained messages over a clean stop (never over ``kill``, unless autosave is set in the options). ``config``
    replaces all of these: the text of a whole mosquitto.conf that listens on ``port``.
    """

    def __init__(
        self,
        folder: Path,
        *,
        global_options: tuple[str, ...] = (),
        listener_options: tuple[str, ...] = (),
        users: dict[str, str] | None = None,
        acl: str = "",
        persistence: bool = False,
        port: int | None = None,
        config: str = "",
    ) -> None:
        if MOSQUITTO is None:
            pytest.skip("mosquitto is not installed: apt install mosquitto")
        self.folder = folder / f"mosquitto-{port or ''}"
        self.folder.mkdir(parents=True, exist_ok=True)
        self.port = port or free_port()
        self._process: subprocess.Popen[bytes] | None = None
        lines = [
            f"user {getpass.getuser()}",
            "per_listener_settings false",
            f"allow_anonymous {'false' if users else 'true'}",
            *global_options,
        ]
        lines += self._auth_lines(users, acl)
        if persistence:
            lines += ["persistence true", f"persistence_location {self.folder}/"]
        lines += [f"listener {self.port} 127.0.0.1", *listener_options]
        self.config_file = self.folder / "mosquitto.conf"
        self.config_file.write_text(config or "\n".join(lines) + "\n")

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    @property
    def log(self) -> str:
        """Everything that the broker has written so far."""
        path = self.folder / "log"
        return path.read_text("utf-8", "replace") if path.exists() else ""

    def start(self) -> None:
        """Start, and return once the port answers."""
        with (self.folder / "log").open("ab") as sink:
            self._process = subprocess.Popen(
                [str(MOSQUITTO), "-v", "-c", str(self.config_file)], stdout=sink, stderr=subprocess.STDOUT
            )
        deadline = time.monotonic() + START_S
        while time.monotonic() < deadline:
            if self._process.poll() is not None:
                raise AssertionError(f"mosquitto did not start:\n{self.log[-2000:]}")
            with socket.socket() as probe:
                if probe.connect_ex(("127.0.0.1", self.port)) == 0:
                    return
            time.sleep(0.02)
        raise AssertionError(f"mosquitto does not answer on port {self.port}:\n{self.log[-2000:]}")

    def stop(self) -> None:
        """SIGTERM, as systemd would."""
        self._end(signal.SIGTERM)

    def kill(self) -> None:
        """Kill -9."""
        self._end(signal.SIGKILL)

    def reload(self) -> None:
        """SIGHUP: read passwords and ACL again."""
        if self._process is not None:
            self._process.send_signal(signal.SIGHUP)

    def restart(self) -> None:
        """Kill -9 and start again: a broker without persistence comes back empty."""
        self.kill()
        self.start()

    def settings(self, client_id: str, **changes: Any) -> Any:
        """``MqttSettings`` for this broker, with back-off short enough for tests."""
        from packshot.bus.settings import MqttSettings

        values: dict[str, Any] = {
            "host": "127.0.0.1",
            "port": self.port,
            "client_id": client_id,
            "backoff_first_s": 0.05,
            "backoff_cap_s": 0.5,
            "stable_after_s": 0.5,
        }
        return MqttSettings(**{**values, **changes})

    def _end(self, number: int) -> None:
        if self._process is None:
            return
        if self._process.poll() is None:
            self._process.send_signal(number)
        self._process.wait(10)
        self._process = None

    def _auth_lines(self, users: dict[str, str] | None, acl: str) -> list[str]:
        lines = []
        if users:
            path = self.folder / "passwords"
            path.write_text("".join(f"{name}:{password}\n" for name, password in users.items()))
            subprocess.run([str(PASSWD), "-U", str(path)], check=True)
            path.chmod(0o644)
            lines.append(f"password_file {path}")
        if acl:
            path = self.folder / "acl"
            path.write_text(acl)
            path.chmod(0o644)
            lines.append(f"acl_file {path}")
        return lines
