"""Once in a box's life: its id, its key, and the request for a certificate in that name."""

import hashlib
import subprocess
from dataclasses import dataclass
from pathlib import Path

from packshot.config import load, to_toml
from packshot.errors import ConfigError, PackshotError, UsageError
from packshot.platform import durable
from packshot.platform.procfs import HostFiles

SERIAL_NUMBERS = ("proc/device-tree/serial-number", "sys/class/dmi/id/product_serial", "etc/machine-id")
NO_SERIAL_NUMBERS = frozenset(
    {
        "0123456789",
        "123456789",
        "default string",
        "n/a",
        "none",
        "not applicable",
        "not available",
        "not specified",
        "serial number",
        "system serial number",
        "to be filled by o.e.m",
        "unknown",
    }
)
"""What makers of PCs leave in its place, the same in all of them; in lower case, without the last dot."""
ID_FILE = "10-device.toml"
OPENSSL_S = 30.0


@dataclass(frozen=True)
class Provisioned:
    """Who the box is and where the proof lies; ``made`` are the files that this run created."""

    device_id: str
    key: Path
    request: Path
    made: tuple[Path, ...]


def provision(folder: Path, device_id: str, *, configured: str = "") -> Provisioned:
    """Make what is not there yet below ``folder`` (/etc/packshot); never replaces an id, a key or a request.

    ``conf.d/10-device.toml`` holds the id where the configuration has none (``configured``), ``tls/client.key`` a
    P-256 key (RFC 5480) and ``tls/client.csr`` the PKCS #10 request (RFC 2986) whose common name is the id. The key
    never leaves the box. Files belong to the owner of their folder.

    Raises UsageError when configuration or request name another id, PackshotError when openssl fails.
    """
    tls, made = folder / "tls", list[Path]()
    key, request, id_file = tls / "client.key", tls / "client.csr", folder / "conf.d" / ID_FILE
    named = configured or (load(id_file, {}).config.device.id if id_file.exists() else "")
    if named not in ("", device_id):
        raise UsageError(f"device.id is {named} already, not {device_id}; correct it and remove {tls}/client.* first")
    durable.make_folder(tls)
    durable.make_folder(id_file.parent)
    if not configured and not id_file.exists():
        durable.write_file(id_file, to_toml({"device": {"id": device_id}}).encode())
        made.append(id_file)
    if not key.exists():
        durable.write_file(key, _openssl("genpkey", "-algorithm", "EC", "-pkeyopt", "ec_paramgen_curve:P-256"))
        made.append(key)
    if not request.exists():
        durable.write_file(request, _openssl("req", "-new", "-key", str(key), "-subj", f"/CN={device_id}"))
        made.append(request)
    _check_name(request, device_id)
    return Provisioned(device_id, key, request, tuple(made))


def derived_id(host: HostFiles) -> str:
    """``packshot-`` and eight hexadecimal digits of the board's serial number: the same after a new installation.

    Raises ConfigError on a machine without any serial number.
    """
    for name in SERIAL_NUMBERS:
        serial = (host.text(name) or "").strip("\0 \n")
        if serial.strip("0.- ") and serial.lower().rstrip(".") not in NO_SERIAL_NUMBERS:
            return f"packshot-{hashlib.sha256(f'packshot {serial}'.encode()).hexdigest()[:8]}"
    raise ConfigError("this machine has no serial number; name it with --device-id")


def _check_name(request: Path, device_id: str) -> None:
    subject = _openssl("req", "-in", str(request), "-noout", "-subject", "-nameopt", "RFC2253").decode().strip()
    if subject != f"subject=CN={device_id}":
        raise UsageError(f"{request} has {subject}, not the device id {device_id}; remove the one at fault")


def _openssl(*arguments: str) -> bytes:
    try:
        done = subprocess.run(["openssl", *arguments], capture_output=True, timeout=OPENSSL_S, check=False)
    except (FileNotFoundError, subprocess.TimeoutExpired) as error:
        raise PackshotError(f"openssl cannot be run ({error}); apt install openssl") from error
    if done.returncode:
        reason = " ".join(done.stderr.decode("utf-8", "replace").split())
        raise PackshotError(f"openssl {arguments[0]} failed: {reason}")
    return done.stdout
