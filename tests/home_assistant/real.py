"""The real Home Assistant and the Python that it wants, beside ours: Debian 13's interpreter and wheels, unpacked.

Nothing is installed and nothing becomes root.
"""

import hashlib
import json
import os
import platform
import shutil
import subprocess
import sys
from pathlib import Path
from typing import Any

HERE = Path(__file__).parent
CACHE = Path(os.environ.get("XDG_CACHE_HOME", Path.home() / ".cache")) / "packshot"
PACKAGES = HERE / "packages.txt"
JUDGE = HERE / "inside/judge.py"
PYTHON = "3.13"
PYTHON_PATCH = "3.13.5"
GLIBC = range(17, 42)  # wheels built for any of these run on Debian 13
JUDGE_S = 240.0


def interpreter() -> Path:
    """Debian 13's Python; unpacked once (half a minute), then taken from the cache. Raises CalledProcessError."""
    root = CACHE / "roots" / f"python{PYTHON}-trixie-{platform.machine()}"
    if not root.exists():
        partial = _partial(root)
        _run("mmdebstrap", "-q", "--variant=extract", "--include=python3,libstdc++6", "trixie", str(partial))
        partial.rename(root)
    return root


def home_assistant() -> Path:
    """Its packages, unpacked; made once. Raises CalledProcessError without PyPI."""
    site = CACHE / "venvs" / f"home-assistant-{hashlib.sha256(PACKAGES.read_bytes()).hexdigest()[:12]}"
    if not site.exists():
        partial, machine = _partial(site), platform.machine()
        kinds = [f"--platform=manylinux_2_{version}_{machine}" for version in GLIBC]
        kinds += [f"--platform=manylinux2014_{machine}", f"--python-version={PYTHON_PATCH}", "--implementation=cp"]
        kinds += [f"--abi=cp{PYTHON.replace('.', '')}", "--abi=abi3", "--abi=none", "--only-binary=:all:", "--no-deps"]
        install = (sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check", "--no-compile")
        _run(*install, *kinds, "--target", str(partial), "-r", str(PACKAGES))
        partial.rename(site)
    return site


def judge(said: dict[str, Any]) -> dict[str, Any]:
    """What Home Assistant makes of a box's messages, see ``inside/judge.py``."""
    root, site = interpreter(), home_assistant()
    loader = next(root.glob("usr/lib*/ld-linux*.so.*"))
    libraries = next((root / "usr/lib").glob(f"{platform.machine()}-linux-gnu"))
    command = (str(loader), "--library-path", str(libraries), str(root / f"usr/bin/python{PYTHON}"), str(JUDGE))
    environment = {"PYTHONHOME": str(root / "usr"), "PYTHONPATH": str(site), "PYTHONDONTWRITEBYTECODE": "1"}
    return dict(json.loads(_run(*command, stdin=json.dumps(said), **environment)))


def _partial(final: Path) -> Path:
    """A fresh name beside the final one: what was interrupted is not taken for whole."""
    partial = final.with_name(f"{final.name}.part")
    shutil.rmtree(partial, ignore_errors=True)
    partial.parent.mkdir(parents=True, exist_ok=True)
    return partial


def _run(*command: str, stdin: str = "", **environment: str) -> str:
    done = subprocess.run(
        command,
        input=stdin,
        check=True,
        capture_output=True,
        text=True,
        timeout=JUDGE_S,
        env={**os.environ, **environment},
    )
    return done.stdout
