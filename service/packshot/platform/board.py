"""What the board says of itself: model, temperature, throttling, memory."""

import platform
from dataclasses import dataclass, field

from packshot.platform.procfs import HostFiles

# Bits of the Raspberry Pi firmware's get_throttled (raspberrypi.com, vcgencmd documentation).
_THROTTLED_BITS = {0: "under-voltage", 1: "frequency capped", 2: "throttled", 3: "soft temperature limit"}
_SLOWING = ("cpufreq-", "thermal-cpufreq-", "Processor")  # cooling devices that cool by computing less


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
        """What limits the machine right now: "under-voltage", "frequency capped", "throttled", ...

        From the Raspberry Pi's firmware; elsewhere from the kernel's alarms and from its cooling by a slower processor.
        """
        bits = self._firmware_bits()
        if bits is not None:
            return [name for bit, name in _THROTTLED_BITS.items() if bits >> bit & 1]
        found = ["under-voltage"] if self._voltage_alarm() else []
        return [*found, "frequency capped"] if self._cooled_by_slowing() else found

    def _firmware_bits(self) -> int | None:
        """Soc and firmware are named with an address on a Pi 5 and without on those before."""
        platform_devices = self.host.path("sys/devices/platform")
        for file in platform_devices.glob("soc*/soc*:firmware/get_throttled"):
            try:
                return int(self.host.text(str(file.relative_to(self.host.prefix))) or "", 16)
            except ValueError:
                continue
        return None

    def _voltage_alarm(self) -> bool:
        """The kernel driver raspberrypi-hwmon, where the firmware's own file is missing (Debian's kernel)."""
        monitors = [f"sys/class/hwmon/{folder.name}" for folder in self.host.path("sys/class/hwmon").glob("hwmon*")]
        return any(
            self.host.text(f"{name}/name") == "rpi_volt" and self.host.number(f"{name}/in0_lcrit_alarm") == 1
            for name in monitors
        )

    def _cooled_by_slowing(self) -> bool:
        devices = [
            f"sys/class/thermal/{one.name}" for one in self.host.path("sys/class/thermal").glob("cooling_device*")
        ]
        return any(
            (self.host.text(f"{name}/type") or "").startswith(_SLOWING)
            and (self.host.number(f"{name}/cur_state") or 0) > 0
            for name in devices
        )

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
