"""Runs inside the emulated PC: executes the commands that arrive on the virtio port, one JSON object a line."""

import json
import subprocess
import time
from pathlib import Path

PORT = Path("/dev/virtio-ports/org.packshot.test")


def main() -> None:
    """Serve for ever."""
    while not PORT.exists():
        time.sleep(0.2)
    with PORT.open("r+b", buffering=0) as port:
        port.write(b'{"up": true}\n')
        waiting = b""
        while True:
            waiting += port.read(65536) or b""
            line, end, rest = waiting.partition(b"\n")
            if end:
                waiting = rest
                answer = json.dumps(execute(json.loads(line))).encode() + b"\n"
                while answer:
                    answer = answer[port.write(answer) :]


def execute(request: dict[str, object]) -> dict[str, object]:
    """Exit code and output of a command."""
    done = subprocess.run(request["command"], input=request["stdin"], capture_output=True, text=True, errors="replace")
    return {"code": done.returncode, "out": done.stdout, "err": done.stderr}


main()
