"""Whether the kiosk can be opened as configured."""

import subprocess
import sys
from pathlib import Path

import pytest

from packshot.errors import ConfigError
from packshot.kiosk.check import check_kiosk
from packshot.sections import KioskSection


def secret(folder: Path, text: str) -> str:
    path = folder / "secret"
    path.write_text(text)
    return str(path)


def test_on_the_network_without_pin_or_token_it_does_not_open() -> None:
    for host in ("0.0.0.0", "::", "192.0.2.7", "shop.example"):
        with pytest.raises(ConfigError, match="open to the network"):
            check_kiosk(KioskSection(enabled=True, host=host))
    for host in ("127.0.0.1", "::1", "localhost"):
        check_kiosk(KioskSection(enabled=True, host=host))


def test_on_the_network_with_a_good_pin_or_token_it_opens(tmp_path: Path) -> None:
    check_kiosk(KioskSection(enabled=True, host="0.0.0.0", pin_file=secret(tmp_path, "246810\n")))
    check_kiosk(KioskSection(enabled=True, host="0.0.0.0", token_file=secret(tmp_path, "x" * 20)))


@pytest.mark.parametrize(
    ("keys", "text", "words"),
    [
        ({"pin_file": ""}, "123", "4 characters"),
        ({"pin_file": "", "host": "0.0.0.0"}, "1234", "6 characters"),
        ({"token_file": ""}, "short", "20 characters"),
        ({"pin_file": ""}, " \n", "is empty"),
    ],
)
def test_secrets_that_protect_nothing_are_refused(tmp_path: Path, keys: dict[str, str], text: str, words: str) -> None:
    keys = {key: value or secret(tmp_path, text) for key, value in keys.items()}
    with pytest.raises(ConfigError, match=words):
        check_kiosk(KioskSection(enabled=True, **keys))


def test_missing_files_are_named() -> None:
    for key in ("pin_file", "token_file", "cert_file", "key_file"):
        with pytest.raises(ConfigError, match=f"kiosk.{key} /nowhere"):
            check_kiosk(KioskSection(enabled=True, **{key: "/nowhere"}))


def test_switched_off_nothing_is_looked_at() -> None:
    check_kiosk(KioskSection(host="0.0.0.0", pin_file="/nowhere"))


def test_the_daemon_imports_the_pages_libraries_only_for_the_pages() -> None:
    code = "import sys, packshot.lives; print([name for name in ('starlette', 'uvicorn') if name in sys.modules])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_without_the_extra_one_line_says_what_to_install(tmp_path: Path) -> None:
    hidden = "import sys; sys.modules.update(dict.fromkeys(['uvicorn']));"
    code = f"{hidden} from packshot.cli import main; sys.exit(main(['run', '--config', {str(tmp_path / 'c.toml')!r}]))"
    (tmp_path / "c.toml").write_text(f'[kiosk]\nenabled = true\n[spool]\npath = "{tmp_path}/spool"\n')
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
    assert done.returncode == 2
    assert done.stderr.splitlines()[-1].startswith(
        "packshot: kiosk.enabled needs uvicorn; install the extra: pip install"
    )
