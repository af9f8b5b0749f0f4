"""install.sh on the systems that are not booted here: Debian 13, and Raspberry Pi OS and JetPack as far as files go."""

import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.container.conftest import or_skip
from tests.container.device import SOURCE, base_root
from tests.container.unbooted import Unbooted

INSTALL = f"{SOURCE}/deploy/install.sh"
PYTHON = "/opt/packshot/current/bin/python"
SMALL = "systemd udev python3 python3-venv openssl ca-certificates"
CAMERA = "usr/lib/python3/dist-packages/picamera2/__init__.py"
NOBLE = 'ID=ubuntu\nVERSION_CODENAME=noble\nPRETTY_NAME="Ubuntu 24.04 LTS"\n'

pytestmark = pytest.mark.timeout(3600)


@pytest.fixture(scope="module")
def trixie(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unbooted]:
    """A bare Debian 13."""
    root = or_skip(lambda: base_root(SMALL, "trixie"), "Debian 13 root from mmdebstrap")
    with Unbooted(tmp_path_factory.mktemp("trixie"), root) as system:
        yield system


@pytest.fixture(scope="module")
def raspberry(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Unbooted]:
    """Debian 12 with what makes it Raspberry Pi OS for install.sh: its mark, and apt's camera stack on numpy 1."""
    root = or_skip(lambda: base_root(f"{SMALL} python3-numpy python3-systemd"), "Debian root from mmdebstrap")
    with Unbooted(tmp_path_factory.mktemp("raspberry"), root) as system:
        (system.root / "etc/rpi-issue").write_text("Raspberry Pi reference 2025-05-13\n")
        system.pretend_installed("python3-picamera2", {CAMERA: "import numpy\n"})
        yield system


def installed(system: Unbooted) -> str:
    try:
        return system.run(INSTALL).stdout
    except subprocess.TimeoutExpired:
        pytest.skip("no wheels from PyPI within the time")


def everything(system: Unbooted) -> str:
    ours = ("/opt/packshot", "/etc/packshot", "/usr/local", "/etc/systemd/system", "/etc/passwd", "/etc/group")
    return system.out("find", *ours, "-not", "-name", "*.pyc", "-printf", "%p %y %T@ %m %u %g %s %l\n")


def test_debian_13_takes_the_installation_and_the_second_changes_nothing(trixie: Unbooted) -> None:
    printed = installed(trixie)
    assert "Debian trixie" in printed
    assert "the units start at the next boot" in printed
    assert trixie.run("packshot", "--version").stdout.startswith("packshot ")
    assert trixie.out("systemctl", "is-enabled", "packshotd.service") == "enabled"
    before = everything(trixie)
    assert "nothing to change" in trixie.run(INSTALL).stdout
    assert everything(trixie) == before


def test_debian_13_cuts_out_with_its_own_python(trixie: Unbooted) -> None:
    assert trixie.out(PYTHON, "-c", "import sys; print(sys.version_info[:2])") == "(3, 13)"
    told = trixie.run("packshot", "selftest", check=False).stdout
    assert "litert-xnnpack, golden photo IoU 0.9" in told


def test_debian_13_is_rid_of_it_again(trixie: Unbooted) -> None:
    trixie.run(INSTALL, "--uninstall", "--purge")
    assert trixie.out("find", "/etc", "/var/lib", "/usr/local", "/opt", "-iname", "*packshot*") == ""
    assert "packshot" not in trixie.out("cat", "/etc/passwd", "/etc/group")


def test_raspberry_pi_os_bookworm_keeps_numpy_1_for_its_camera_stack(raspberry: Unbooted) -> None:
    printed = installed(raspberry)
    assert "Raspberry Pi OS bookworm" in printed
    ours = "import numpy, cv2, gpiod; print(numpy.__version__.split('.')[0], cv2.__version__[:4], gpiod.__version__[0])"
    assert raspberry.out(PYTHON, "-c", ours) == "1 4.11 2"
    system = "import picamera2, systemd.journal; print(picamera2.__file__)"
    assert raspberry.out(PYTHON, "-c", system) == f"/{CAMERA}"
    assert "nothing to change" in raspberry.run(INSTALL).stdout


def test_jetpack_7_would_take_the_system_s_packages_and_the_common_lock(raspberry: Unbooted) -> None:
    root = raspberry.root
    (root / "etc/rpi-issue").unlink()
    (root / "etc/nv_tegra_release").write_text("# R38 (release), REVISION: 2.0\n")
    release = Path(root / "etc/os-release")
    release.unlink()
    release.write_text(NOBLE)
    printed = raspberry.run(INSTALL, "--dry-run").stdout
    assert "JetPack 7" in printed
    assert "would install python3-gi gir1.2-gst-plugins-base-1.0 by apt" in printed
    assert "would build /opt/packshot/releases/" in printed


def test_a_system_that_is_not_known_is_left_alone(raspberry: Unbooted) -> None:
    (raspberry.root / "etc/nv_tegra_release").unlink(missing_ok=True)
    (raspberry.root / "etc/os-release").unlink()
    (raspberry.root / "etc/os-release").write_text("ID=fedora\nVERSION_CODENAME=\n")
    done = raspberry.run(INSTALL, check=False)
    assert done.returncode == 1
    assert "packshot knows Debian 12 and 13" in done.stderr
