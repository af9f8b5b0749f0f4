"""What an MQTT connection needs to know."""

import ssl
from dataclasses import dataclass, field
from pathlib import Path
from typing import Literal

from packshot.errors import ConfigError

Protocol = Literal["auto", "5", "3.1.1"]


@dataclass(frozen=True)
class MqttSettings:
    """One MQTT connection; times in seconds, sizes in bytes."""

    host: str
    client_id: str
    port: int = 1883
    username: str = ""
    password: str = field(default="", repr=False)
    tls: bool = False
    ca_file: Path | None = None  # PEM; None with ``tls`` = the system's authorities
    cert_file: Path | None = None
    key_file: Path | None = None
    protocol: Protocol = "auto"
    keepalive_s: int = 30
    connect_timeout_s: float = 10.0
    session_expiry_s: int = 7 * 24 * 3600  # how long a v5 broker keeps our session while we are away
    max_message_bytes: int = 256 * 1024  # largest payload we send
    max_receive_bytes: int = 32 * 1024 * 1024  # largest payload that is taken in; a v5 broker sends no larger packet
    receive_maximum: int = 200  # unacknowledged messages a v5 broker may have on the way to us
    will_topic: str = ""
    will_payload: bytes = b"offline"
    birth_payload: bytes = b"online"
    backoff_first_s: float = 0.5
    backoff_cap_s: float = 60.0  # longest wait while the broker cannot be reached or refuses us
    lost_cap_s: float = 3.0  # longest wait after a connection that was up: a bad network must be used while it lasts
    takeover_backoff_s: float = 60.0  # first wait after another client took our id; doubles up to ten times this
    stable_after_s: float = 10.0  # a connection that lasted so long resets the back-off


def tls_context(settings: MqttSettings) -> ssl.SSLContext | None:
    """The TLS context that the settings ask for, None for plain TCP; raises ConfigError naming the file at fault."""
    if not settings.tls:
        return None
    ca_file = str(settings.ca_file) if settings.ca_file else None
    try:
        context = ssl.create_default_context(cafile=ca_file)
    except (OSError, ssl.SSLError) as error:
        raise ConfigError(f"mqtt.ca_file {ca_file} cannot be used: {error}") from error
    context.minimum_version = ssl.TLSVersion.TLSv1_2
    if settings.cert_file:
        try:
            context.load_cert_chain(settings.cert_file, settings.key_file)
        except (OSError, ssl.SSLError) as error:
            raise ConfigError(f"mqtt.cert_file {settings.cert_file} or its key cannot be used: {error}") from error
    return context
