"""The file system of another system, entered without starting it: enough to install, and to run what was installed."""

import shutil
import subprocess
from pathlib import Path
from typing import Self

from tests.container.device import REPOSITORY, SOURCE, host
from tests.support.guest import Guest

RUN_S = 1500.0
CERTIFICATES = Path("/etc/ssl/certs/ca-certificates.crt")
COPY = """set -e
cd "$REPOSITORY"
git ls-files -z --cached --others --exclude-standard | tar -c --null --ignore-failed-read -T - | tar -x -C "$0"
"""
ENTER = """set -e
for folder in proc dev; do mount --rbind /$folder "$0/$folder"; done
mkdir -p "$0$SOURCE"
mount --bind "$CHECKOUT" "$0$SOURCE"
exec chroot "$0" "$@"
"""


class Unbooted(Guest):
    """An overlay over ``root`` in ``folder``, with this machine's network and a copy of the checkout."""

    def __init__(self, folder: Path, root: Path) -> None:
        self.root = folder / "disk"
        self._checkout = folder / "checkout"
        for part in ("disk", "upper", "work", "checkout"):
            (folder / part).mkdir(parents=True)
        options = f"lowerdir={root},upperdir={folder / 'upper'},workdir={folder / 'work'}"
        host("bash", "-c", COPY, str(self._checkout), REPOSITORY=str(REPOSITORY))
        host("mount", "-t", "overlay", "overlay", "-o", options, str(self.root))
        for name in (Path("/etc/resolv.conf"), CERTIFICATES):
            shutil.copy(name, self.root / name.relative_to("/"))

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        host("umount", str(self.root))

    def run(self, *command: str, check: bool = True, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """See ``Guest.run``; in a mount namespace of its own, so that nothing stays mounted."""
        environment = {
            "PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
            "LC_ALL": "C.UTF-8",
            "PIP_CERT": str(CERTIFICATES),
            "SOURCE": SOURCE,
            "CHECKOUT": str(self._checkout),
        }
        entered = ["unshare", "--mount", "bash", "-c", ENTER, str(self.root), *command]
        done = subprocess.run(entered, input=stdin, capture_output=True, text=True, timeout=RUN_S, env=environment)
        assert not check or done.returncode == 0, f"{command}: exit {done.returncode}\n{done.stdout}{done.stderr}"
        return done

    def pretend_installed(self, package: str, files: dict[str, str]) -> None:
        """A package of that name for dpkg, with a few files: stands for one from another archive."""
        tree = self.root / "tmp" / package
        for name, text in files.items():
            (tree / name).parent.mkdir(parents=True, exist_ok=True)
            (tree / name).write_text(text)
        (tree / "DEBIAN").mkdir(parents=True, exist_ok=True)
        facts = {"Package": package, "Version": "1", "Architecture": "all", "Maintainer": "test", "Description": "test"}
        (tree / "DEBIAN/control").write_text("".join(f"{name}: {value}\n" for name, value in facts.items()))
        self.run("sh", "-c", f"dpkg-deb -b /tmp/{package} /tmp/{package}.deb && dpkg -i /tmp/{package}.deb")
