"""Whether the kiosk can be opened as configured; imports nothing that only the kiosk needs."""

import importlib.util
import ipaddress
from pathlib import Path

from packshot.errors import ConfigError
from packshot.sections import KioskSection

EXTRA = ("starlette", "uvicorn", "anyio")
SHORTEST_PIN = 4
SHORTEST_PIN_ON_LAN = 6
SHORTEST_TOKEN = 20


def check_kiosk(section: KioskSection) -> None:
    """Raises ConfigError: a missing extra, no lock on an open door, unreadable or short secrets."""
    if not section.enabled:
        return
    missing = [name for name in EXTRA if importlib.util.find_spec(name) is None]
    if missing:
        raise ConfigError(f"kiosk.enabled needs {', '.join(missing)}; install the extra: pip install 'packshot[kiosk]'")
    secrets_of(section)
    for key in ("cert_file", "key_file"):
        path = getattr(section, key)
        if path and not Path(path).is_file():
            raise ConfigError(f"kiosk.{key} {path} does not exist")


def secrets_of(section: KioskSection) -> tuple[str, str]:
    """PIN and token, empty where there is none.

    Raises ConfigError when the kiosk would be open to the network, or for secrets that cannot be read or are too short.
    """
    pin, token = _secret(section.pin_file, "kiosk.pin_file"), _secret(section.token_file, "kiosk.token_file")
    on_lan = not _is_loopback(section.host)
    if on_lan and not (pin or token):
        raise ConfigError(f"kiosk.host {section.host} is open to the network; set kiosk.pin_file or kiosk.token_file")
    shortest = SHORTEST_PIN_ON_LAN if on_lan else SHORTEST_PIN
    if pin and len(pin) < shortest:
        raise ConfigError(f"the PIN in kiosk.pin_file needs {shortest} characters or more here")
    if token and len(token) < SHORTEST_TOKEN:
        raise ConfigError(f"the token in kiosk.token_file needs {SHORTEST_TOKEN} characters or more")
    return pin, token


def _secret(path: str, key: str) -> str:
    if not path:
        return ""
    try:
        secret = Path(path).read_text("utf-8").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ConfigError(f"{key} {path} cannot be read: {error}") from error
    if not secret:
        raise ConfigError(f"{key} {path} is empty")
    return secret


def _is_loopback(host: str) -> bool:
    try:
        return host == "localhost" or ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False
