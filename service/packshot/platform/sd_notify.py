"""Talk to systemd: READY, STOPPING, STATUS, WATCHDOG (sd_notify(3)); silent where there is no systemd."""

import os
import socket


def notify(*assignments: str) -> bool:
    """Send lines such as "READY=1" to the service manager; False when there is none to hear them."""
    address = os.environ.get("NOTIFY_SOCKET", "")
    if not address:
        return False
    if address.startswith("@"):
        address = "\0" + address[1:]
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_CLOEXEC) as sender:
        try:
            sender.sendto("\n".join(assignments).encode(), address)
        except OSError:
            return False  # a manager that went away must not take the service with it
    return True


def watchdog_interval_s() -> float | None:
    """How often WATCHDOG=1 is due (half of WatchdogSec), None when systemd does not watch this process."""
    period_us = os.environ.get("WATCHDOG_USEC", "")
    watched_pid = os.environ.get("WATCHDOG_PID", str(os.getpid()))
    if not period_us.isdigit() or watched_pid != str(os.getpid()):
        return None
    return int(period_us) / 2_000_000
