"""Plays a USB barcode scanner by uinput: scanner.py CODE... waits for a line on stdin before it types each code.

The first line printed is the event device; linux/uinput.h and linux/input-event-codes.h have the numbers.
"""

import fcntl
import os
import struct
import sys
import time
from pathlib import Path

UI_SET_EVBIT, UI_SET_KEYBIT, UI_DEV_CREATE = 0x40045564, 0x40045565, 0x5501
EV_SYN, EV_KEY = 0, 1
KEYS = {**dict(zip("1234567890-", range(2, 13), strict=True)), "a": 30, "b": 48, "\n": 28}
SHIFT = 42
SETUP = struct.Struct("80sHHHHi256i")
EVENT = struct.Struct("llHHi")


def main(codes: list[str]) -> None:
    """Create the scanner, then type."""
    device = os.open("/dev/uinput", os.O_WRONLY)
    fcntl.ioctl(device, UI_SET_EVBIT, EV_KEY)
    for key in (*KEYS.values(), SHIFT):
        fcntl.ioctl(device, UI_SET_KEYBIT, key)
    os.write(device, SETUP.pack(b"test scanner", 3, 1, 1, 1, 0, *[0] * 256))
    fcntl.ioctl(device, UI_DEV_CREATE)
    time.sleep(1)
    print(event_node(), flush=True)
    for code in codes:
        sys.stdin.readline()
        for letter in f"{code}\n":
            type_letter(device, letter)
    sys.stdin.readline()


def event_node() -> str:
    """/dev/input/event<N> of the device of our name."""
    for name in Path("/sys/class/input").glob("event*/device/name"):
        if name.read_text().strip() == "test scanner":
            return f"/dev/input/{name.parent.parent.name}"
    raise SystemExit("uinput made no event device")


def type_letter(device: int, letter: str) -> None:
    """Down and up, with shift where the letter is large."""
    shifted = letter.isupper()
    if shifted:
        send(device, SHIFT, 1)
    send(device, KEYS[letter.lower()], 1)
    send(device, KEYS[letter.lower()], 0)
    if shifted:
        send(device, SHIFT, 0)


def send(device: int, key: int, value: int) -> None:
    os.write(device, EVENT.pack(0, 0, EV_KEY, key, value) + EVENT.pack(0, 0, EV_SYN, 0, 0))


main(sys.argv[1:])
