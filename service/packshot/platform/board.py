"""What the board says of itself: model, temperature, throttling, memory; all read below one prefix."""

import platform
from pathlib import Path

ROOT = Path("/")
# Bits of the Raspberry Pi firmware's get_throttled (raspberrypi.com, vcgencmd documentation).
_THROTTLED_BITS = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}


def board_model(root: Path = ROOT) -> str:
    """For example "Raspberry Pi 5 Model B Rev 1.0"; on a PC the product name, else the machine type."""
    for file in ("proc/device-tree/model", "sys/class/dmi/id/product_name"):
        text = _text(root / file)
        if text:
            return text
    return platform.machine()


def temperature_c(root: Path = ROOT) -> float | None:
    """The hottest thermal zone in degrees Celsius, None where there is none."""
    zones = (_text(zone) for zone in sorted((root / "sys/class/thermal").glob("thermal_zone*/temp")))
    readings = [int(zone) / 1000 for zone in zones if zone.lstrip("-").isdigit()]
    return max(readings, default=None)


def throttled(root: Path = ROOT) -> list[str]:
    """What the Raspberry Pi's firmware limits right now; empty elsewhere."""
    text = _text(root / "sys/devices/platform/soc/soc:firmware/get_throttled")
    try:
        bits = int(text, 16) if text else 0
    except ValueError:
        return []
    return [name for bit, name in _THROTTLED_BITS.items() if bits >> bit & 1]


def memory_available_bytes(root: Path = ROOT) -> int | None:
    """MemAvailable of /proc/meminfo in bytes."""
    for line in _text(root / "proc/meminfo").splitlines():
        if line.startswith("MemAvailable:"):
            return int(line.split()[1]) * 1024
    return None


def resident_bytes(root: Path = ROOT) -> int | None:
    """Resident memory of this process in bytes."""
    for line in _text(root / "proc/self/status").splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) * 1024
    return None


def _text(path: Path) -> str:
    try:
        return path.read_bytes().rstrip(b"\0\n").decode("utf-8", "replace").strip()
    except OSError:
        return ""
