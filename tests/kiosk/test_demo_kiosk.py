"""``packshot demo --kiosk``: one command, an address, and Ctrl-C."""

import re
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path

import pytest

pytestmark = pytest.mark.e2e


def test_the_demo_prints_an_address_that_answers_and_ends_with_control_c(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "packshot", "demo", "--kiosk", "--port", "0", "-o", str(tmp_path / "demo")]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as demo:
        assert demo.stdout
        said = ""
        while "Ctrl-C" not in said:
            line = demo.stdout.readline()
            assert line, said
            said += line
        url = re.search(r"product booth +(http://127\.0\.0\.1:\d+/)", said)
        assert url
        for path in ("", "id", "admin"):
            with urllib.request.urlopen(url[1] + path, timeout=10) as page:
                assert b"<!doctype html>" in page.read()
        demo.send_signal(signal.SIGINT)
        assert demo.wait(100) == 0
