"""What the board says of itself: model, temperature, throttling, memory."""

import platform
from dataclasses import dataclass, field

from packshot.platform.procfs import HostFiles

# Bits of the Raspberry Pi firmware's get_throttled (raspberrypi.com, vcgencmd documentation).
_THROTTLED_BITS = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}


@dataclass(frozen=True)
class Board:
    """Readings of the machine; None or empty where it has no such sensor."""

    host: HostFiles = field(default_factory=HostFiles)

    def model(self) -> str:
        """For example "Raspberry Pi 5 Model B Rev 1.0"; on a PC the product name, else the machine type."""
        for name in ("proc/device-tree/model", "sys/class/dmi/id/product_name"):
            text = (self.host.text(name) or "").strip("\0 ")
            if text:
                return text
        return platform.machine()

    def temperature_c(self) -> float | None:
        """The hottest thermal zone in degrees Celsius."""
        zones = sorted(self.host.path("sys/class/thermal").glob("thermal_zone*"))
        readings = (self.host.number(f"sys/class/thermal/{zone.name}/temp") for zone in zones)
        return max((reading / 1000 for reading in readings if reading is not None), default=None)

    def throttled(self) -> list[str]:
        """What the Raspberry Pi's firmware limits right now."""
        text = self.host.text("sys/devices/platform/soc/soc:firmware/get_throttled") or "0"
        try:
            bits = int(text, 16)
        except ValueError:
            return []
        return [name for bit, name in _THROTTLED_BITS.items() if bits >> bit & 1]

    def memory_available_bytes(self) -> int | None:
        """What programs can still get."""
        return self._kilobytes("proc/meminfo", "MemAvailable:")

    def resident_bytes(self) -> int | None:
        """What this process holds."""
        return self._kilobytes("proc/self/status", "VmRSS:")

    def _kilobytes(self, name: str, key: str) -> int | None:
        for line in (self.host.text(name) or "").splitlines():
            if line.startswith(key):
                return int(line.split()[1]) * 1024
        return None
