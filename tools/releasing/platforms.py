"""What a release is built for: one kind of machine, one Python, one lock."""

from dataclasses import dataclass

NEWEST_GLIBC_MINOR = 36  # Debian 12's, the oldest system that packshot supports
OLDEST_GLIBC_MINOR = 17
LEGACY_TAGS = {
    "x86_64": ("manylinux2014", "manylinux_2_12", "manylinux2010", "manylinux_2_5", "manylinux1"),
    "aarch64": ("manylinux2014",),
}
LOCKS = {"": "runtime", "camera": "bookworm-camera"}


@dataclass(frozen=True, order=True)
class Platform:
    """Machine as ``uname -m`` says it, Python as (3, 11), flavour as in ``LOCKS``."""

    machine: str
    python: tuple[int, int]
    flavour: str = ""

    def __str__(self) -> str:
        """As boxes name it: "aarch64-cp311-camera"."""
        return f"{self.machine}-{self.interpreter}" + (f"-{self.flavour}" if self.flavour else "")

    @property
    def interpreter(self) -> str:
        """For example "cp311"."""
        return f"cp{self.python[0]}{self.python[1]}"

    @property
    def lock(self) -> str:
        """Name of the lock in ``deploy/locks`` that it installs from."""
        return LOCKS[self.flavour]

    @property
    def wheel_platforms(self) -> list[str]:
        """Wheel platforms that run there, best first (PEP 600)."""
        modern = (f"manylinux_2_{minor}" for minor in range(NEWEST_GLIBC_MINOR, OLDEST_GLIBC_MINOR - 1, -1))
        return [f"{name}_{self.machine}" for name in (*modern, *LEGACY_TAGS[self.machine])]

    @property
    def markers(self) -> dict[str, str]:
        """Environment for the markers of a lock (PEP 508)."""
        python = f"{self.python[0]}.{self.python[1]}"
        return {
            "implementation_name": "cpython",
            "implementation_version": f"{python}.0",
            "os_name": "posix",
            "platform_machine": self.machine,
            "platform_python_implementation": "CPython",
            "platform_release": "",
            "platform_system": "Linux",
            "platform_version": "",
            "python_full_version": f"{python}.0",
            "python_version": python,
            "sys_platform": "linux",
        }


PYTHONS = ((3, 11), (3, 12), (3, 13))
ALL = (
    *(Platform(machine, python) for machine in ("x86_64", "aarch64") for python in PYTHONS),
    Platform("aarch64", (3, 11), "camera"),  # Raspberry Pi OS Bookworm: apt's picamera2 wants numpy 1
)
