"""Why there is no connection, in one line a person can act on."""

import socket
import ssl

from packshot.bus.settings import MqttSettings
from packshot.errors import PackshotError

UNSPECIFIED = 0x80
UNSUPPORTED_PROTOCOL = 0x84
NOT_AUTHORISED = frozenset({0x86, 0x87})
BANNED = 0x8A
TAKEN_OVER = 0x8E
PACKET_TOO_LARGE = 0x95


def unreachable(settings: MqttSettings, error: Exception) -> str:
    """The line for a connection that could not be opened."""
    where = f"{settings.host}:{settings.port}"
    match error:
        case PackshotError():
            return str(error)
        case ssl.SSLCertVerificationError():
            return (
                f"the certificate of {where} is not trusted ({error.verify_message}); check mqtt.ca_file and mqtt.host"
            )
        case ssl.SSLError():
            return f"TLS with {where} failed ({error.reason or error}); check mqtt.tls, mqtt.port and the certificates"
        case ConnectionRefusedError():
            return f"nothing listens at {where}; is the broker running, are mqtt.host and mqtt.port right?"
        case socket.gaierror():
            return f"the host name {settings.host} cannot be resolved; check mqtt.host and the network"
        case TimeoutError():
            return f"no answer from {where}; check the network and mqtt.host"
        case _:
            return f"{where} cannot be reached: {error}"


def refused(settings: MqttSettings, code: int, text: str) -> str:
    """The line for a CONNACK that said no."""
    where = f"the broker at {settings.host}:{settings.port}"
    if code in NOT_AUTHORISED:
        user = settings.username or "(none)"
        return f"{where} refused user {user}: {text}; check mqtt.username, its password or the client certificate"
    if code == UNSUPPORTED_PROTOCOL:
        return f"{where} does not speak this version of MQTT; set mqtt.protocol"
    return f"{where} refused the connection: {text}"


def hung_up(settings: MqttSettings) -> str:
    """The line for an end before the answer to CONNECT; with TLS 1.3 a refused certificate looks like that."""
    where = f"the broker at {settings.host}:{settings.port} hung up before it answered"
    if not settings.tls:
        return f"{where}; does it expect TLS? check mqtt.tls and mqtt.port"
    if settings.cert_file is None:
        return f"{where}; does it expect a client certificate? check mqtt.cert_file and mqtt.key_file"
    return f"{where}; is mqtt.cert_file of the authority that it trusts, still valid and not revoked?"


def ended(settings: MqttSettings, code: int, text: str, thrown_out: bool) -> str:
    """The line for a connection that was up and ended; ``thrown_out``: it keeps ending without any cause we know."""
    if code == TAKEN_OVER:
        return f"another client connected with our id {settings.client_id}; give each box and uploader its own"
    if thrown_out:
        return (
            f"the broker ends the connection again and again soon after accepting it; it looks as if another client "
            f"uses our id {settings.client_id}; give each box and uploader its own"
        )
    if code == PACKET_TOO_LARGE:
        return "the broker ended the connection over a message larger than it takes; lower mqtt.max_message_bytes"
    return f"the connection to {settings.host}:{settings.port} was lost: {text}"
