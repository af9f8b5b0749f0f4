"""What systemd, shellcheck and a dry run say of the files in deploy/, without installing anything."""

import os
import re
import shutil
import subprocess
import tomllib
from pathlib import Path

import pytest

REPOSITORY = Path(__file__).resolve().parents[2]
DEPLOY = REPOSITORY / "deploy"
UNITS = sorted((DEPLOY / "systemd").glob("*.service"))
SERVERS = ("packshotd.service", "packshot-uploader.service")
SCRIPTS = [
    DEPLOY / "install.sh",
    DEPLOY / "wheelhouse",
    DEPLOY / "locks/write",
    DEPLOY / "update/run",
    REPOSITORY / "firmware/apply",
    *sorted((REPOSITORY / "firmware/boards").rglob("sbin/*")),
]
LOCKS = ("runtime.txt", "bookworm-camera.txt", "build.txt", "updater.txt")


def systemd_analyze(*arguments: str) -> subprocess.CompletedProcess[str]:
    if shutil.which("systemd-analyze") is None:
        pytest.skip("systemd-analyze is not installed: apt install systemd")
    return subprocess.run(["systemd-analyze", *arguments], capture_output=True, text=True)


def settings(unit: str) -> dict[str, list[str]]:
    found: dict[str, list[str]] = {}
    for line in (DEPLOY / "systemd" / unit).read_text().splitlines():
        name, equals, value = line.partition("=")
        if equals and not line.startswith("#"):
            found.setdefault(name, []).append(value)
    return found


def test_systemd_finds_no_fault_in_the_units(tmp_path: Path) -> None:
    copies = []
    for unit in sorted((*(DEPLOY / "systemd").iterdir(), *(DEPLOY / "update").glob("packshot*"))):
        copies.append(tmp_path / unit.name)  # the programs are not installed here
        copies[-1].write_text(re.sub(r"/opt/packshot/(current/bin|updater)/\S+", "/bin/true", unit.read_text()))
    done = systemd_analyze("verify", "--man=no", *map(str, copies))
    ours = [line for line in done.stderr.splitlines() if "packshot" in line]
    assert ours == []


@pytest.mark.parametrize("unit", SERVERS)
def test_the_exposure_is_one_and_a_half_or_lower(unit: str) -> None:
    done = systemd_analyze("security", "--offline=true", "--threshold=15", "--no-pager", str(DEPLOY / "systemd" / unit))
    assert done.returncode == 0, done.stdout[-300:]


def test_with_what_a_jetson_needs_it_is_still_one_and_a_half(tmp_path: Path) -> None:
    shutil.copytree(REPOSITORY / "firmware/boards/jetson-orin-nano/files", tmp_path, dirs_exist_ok=True)
    shutil.copy(DEPLOY / "systemd/packshotd.service", tmp_path / "etc/systemd/system")
    done = systemd_analyze(
        "security", "--offline=true", f"--root={tmp_path}", "--threshold=15", "--no-pager", "packshotd.service"
    )
    assert "MemoryDenyWriteExecute=  " in done.stdout, "the drop-in must have been read"
    assert done.returncode == 0, done.stdout[-300:]


@pytest.mark.parametrize("unit", SERVERS)
def test_a_box_that_nobody_attends_tries_for_ever_and_is_watched(unit: str) -> None:
    found = settings(unit)
    assert found["StartLimitIntervalSec"] == ["0"]
    assert found["Restart"] == ["always"]
    assert found["Type"] == ["notify"]
    assert 0 < int(found["WatchdogSec"][0]) <= 60


def test_the_daemon_sees_the_processor_so_that_the_fast_kernels_are_used() -> None:
    assert settings("packshotd.service")["ProcSubset"] == ["all"]


def test_every_folder_the_daemon_may_write_to_forbids_execution() -> None:
    found = settings("packshotd.service")
    writable = {f"/var/lib/{name}" for name in found["StateDirectory"]} | {
        f"/run/{n}" for n in found["RuntimeDirectory"]
    }
    assert writable | {"/tmp", "/var/tmp"} <= set(found["NoExecPaths"][0].split())


def test_users_are_made_as_the_units_name_them() -> None:
    users = (DEPLOY / "sysusers.d/packshot.conf").read_text()
    for unit in SERVERS:
        (user,) = settings(unit)["User"]
        assert re.search(rf"^u {user} ", users, re.MULTILINE)
    if shutil.which("systemd-sysusers"):
        done = subprocess.run(
            ["systemd-sysusers", "--dry-run", str(DEPLOY / "sysusers.d/packshot.conf")], capture_output=True, text=True
        )
        assert "Failed to parse" not in done.stderr


@pytest.mark.parametrize("script", SCRIPTS, ids=lambda script: script.name)
def test_scripts_are_sound(script: Path) -> None:
    assert script.stat().st_mode & 0o111
    shell = "bash" if "bash" in script.read_text().splitlines()[0] else "sh"
    done = subprocess.run([shell, "-n", str(script)], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    if shutil.which("shellcheck"):
        found = subprocess.run(["shellcheck", "-x", str(script)], capture_output=True, text=True)
        assert found.returncode == 0, found.stdout


@pytest.mark.parametrize("name", LOCKS)
def test_every_locked_package_has_its_hash(name: str) -> None:
    lines = (DEPLOY / "locks" / name).read_text().replace("\\\n", " ").splitlines()
    packages = [line for line in lines if line and not line.startswith("#")]
    assert packages
    assert [line for line in packages if "==" not in line or "--hash=sha256:" not in line] == []


@pytest.mark.parametrize("name", ["runtime.txt", "bookworm-camera.txt"])
def test_every_dependency_of_the_package_is_locked(name: str) -> None:
    project = tomllib.loads((REPOSITORY / "pyproject.toml").read_text())["project"]
    locked = set(re.findall(r"^([a-z0-9-]+)==", (DEPLOY / "locks" / name).read_text(), re.MULTILINE))
    wanted = {re.split(r"[^A-Za-z0-9_-]", dependency)[0].lower() for dependency in project["dependencies"]}
    assert wanted - locked == set(), "run deploy/locks/write"


def test_the_bookworm_camera_lock_keeps_to_numpy_1() -> None:
    assert re.search(r"^numpy==1\.", (DEPLOY / "locks/bookworm-camera.txt").read_text(), re.MULTILINE)


def test_the_box_and_the_developers_run_the_same_versions() -> None:
    pinned = re.compile(r"^([a-z0-9-]+==\S+)", re.MULTILINE)
    developers = set(pinned.findall((REPOSITORY / "requirements.lock").read_text()))
    box = set(pinned.findall((DEPLOY / "locks/runtime.txt").read_text()))
    assert {pin.partition("==")[0] for pin in box - developers} <= {"gpiod"}, (
        "only what needs a board may be the box's own"
    )


def test_the_skeleton_is_a_valid_configuration() -> None:
    from packshot.config import load

    loaded = load(DEPLOY / "etc/packshot.toml", {})
    assert loaded.config.uploader.options == {"path": "/srv/packshot"}


def test_nobody_installs_without_being_root_and_a_wrong_option_is_explained() -> None:
    done = subprocess.run([str(DEPLOY / "install.sh"), "--sideways"], capture_output=True, text=True)
    assert done.returncode == 2
    assert "usage:" in done.stderr


@pytest.mark.parametrize("state", ["is-enabled", "is-active"])
def test_uninstalling_stops_every_unit_first_the_touch_screen_too(tmp_path: Path, state: str) -> None:
    systemctl = tmp_path / "systemctl"
    systemctl.write_text(f'#!/bin/sh\n[ "$2" = {state} ]\n')
    systemctl.chmod(0o755)
    done = subprocess.run(
        [str(DEPLOY / "install.sh"), "--uninstall", "--purge", "--dry-run"],
        capture_output=True,
        text=True,
        env={**os.environ, "PATH": f"{tmp_path}:{os.environ['PATH']}"},
    )
    assert done.returncode == 0, done.stderr
    stopped = set(re.findall(r"would stop and disable (\S+)", done.stdout))
    units = (*(DEPLOY / "systemd").iterdir(), *(DEPLOY / "update").glob("packshot*"))
    assert stopped == {unit.name for unit in units if "[Install]" in unit.read_text()}


RESTART = "systemctl restart packshotd.service"
CUT_OFF = "{ kill -9 $$; }"


def lay(root: Path, steps: str) -> subprocess.CompletedProcess[str]:
    """What install.sh does outside the release, below ``root``; ``steps`` stand in for some of its own."""
    shutil.copytree(DEPLOY, root / "deploy", dirs_exist_ok=True)
    (root / "run/systemd/system").mkdir(parents=True, exist_ok=True)
    for script in (root / "deploy/install.sh", root / "deploy/update/lay.sh"):
        paths = r"(?<!\w)/(opt/packshot|usr/local|etc/packshot|run/packshot|run/systemd)"
        text = re.sub(paths, lambda path: f"{root}{path[0]}", script.read_text())
        script.write_text(text.replace('main "$@"\n', f"{SYSTEM_S_PART}\n{steps}\nmain\n"))
    return subprocess.run(["bash", str(root / "deploy/install.sh")], capture_output=True, text=True)


SYSTEM_S_PART = """
id() { echo 0; }
detect_platform() { lock=runtime; }
apt_packages() { :; }
systemd-sysusers() { :; }
systemd-tmpfiles() { :; }
reload_udev() { :; }
slot() { stamp=x; }
package_version() { echo 1.0; }
systemctl() { case $1 in is-enabled) echo enabled ;; *) echo "systemctl $*" ;; esac; }
fetch_wheels() { wheelhouse=$work && touch "$work/tuf-1.whl"; }
wheel_requirement() { :; }
pip_from_wheelhouse() { touch "$1/installed"; }
python3() { mkdir -p "$3"; }
"""


def test_the_updater_is_used_once_it_is_whole(tmp_path: Path) -> None:
    done = lay(tmp_path, "")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "opt/packshot/updater/current/installed").exists()
    assert (tmp_path / "opt/packshot/updater/current/.complete").exists()
    assert os.access(tmp_path / "opt/packshot/updater/run", os.X_OK)


def test_without_its_wheels_there_is_no_updater_and_the_rest_goes_on(tmp_path: Path) -> None:
    done = lay(tmp_path, "fetch_wheels() { wheelhouse=$work; }")
    assert done.returncode == 0, done.stderr
    assert "no updater is installed" in done.stdout
    assert RESTART in done.stdout
    assert not (tmp_path / "opt/packshot/updater").exists()


def test_an_updater_for_which_there_is_no_room_is_not_used(tmp_path: Path) -> None:
    done = lay(tmp_path, "pip_from_wheelhouse() { echo 'No space left on device' >&2 && return 1; }")
    assert done.returncode != 0
    assert "systemctl" not in done.stdout
    assert not (tmp_path / "opt/packshot/updater/current").exists()
    assert not list(tmp_path.glob("opt/packshot/updater/releases/*/.complete"))


def test_a_unit_that_cannot_be_written_ends_the_installation(tmp_path: Path) -> None:
    done = lay(tmp_path, 'install() { case $* in *packshotd.service*) return 1 ;; *) command install "$@" ;; esac; }')
    assert done.returncode == 1
    assert "packshotd.service cannot be written" in done.stderr
    assert "systemctl" not in done.stdout


def test_a_configuration_cut_off_half_way_is_written_by_the_next_installation(tmp_path: Path) -> None:
    half = f'mkdir -p "${{5%/*}}" && head -c9 "$4" >"$5" && {CUT_OFF}'
    half = f'install() {{ case $* in *packshot.toml*) {half} ;; *) command install "$@" ;; esac; }}'
    assert lay(tmp_path, half).returncode < 0
    assert lay(tmp_path, "").returncode == 0
    assert (tmp_path / "etc/packshot/packshot.toml").read_text() == (DEPLOY / "etc/packshot.toml").read_text()


def test_an_updater_cut_off_before_the_switch_to_it_is_switched_to_by_the_next_installation(tmp_path: Path) -> None:
    assert lay(tmp_path, "").returncode == 0
    newer = "slot() { stamp=y; }; package_version() { echo 2.0; }"
    assert lay(tmp_path, f"{newer}; switch_updater() {CUT_OFF}").returncode < 0
    (tmp_path / "run/packshot-install").unlink()  # the power was gone, too
    assert lay(tmp_path, f"{newer}; dry=yes").returncode == 0
    assert (tmp_path / "opt/packshot/updater/current").readlink() == Path("releases/1.0")
    assert lay(tmp_path, newer).returncode == 0
    assert (tmp_path / "opt/packshot/updater/current").readlink() == Path("releases/2.0")
    assert (tmp_path / "opt/packshot/updater/previous").readlink() == Path("releases/1.0")
    assert lay(tmp_path, newer).stdout.endswith("nothing to change\n")
    assert (tmp_path / "opt/packshot/updater/previous").readlink() == Path("releases/1.0")


def test_an_updater_cut_off_before_it_could_be_run_can_be_after_the_next_installation(tmp_path: Path) -> None:
    assert lay(tmp_path, f"chmod() {CUT_OFF}").returncode < 0
    assert lay(tmp_path, "").returncode == 0
    assert os.access(tmp_path / "opt/packshot/updater/run", os.X_OK)


def test_an_installation_cut_off_before_its_users_were_made_makes_them_when_it_is_run_again(tmp_path: Path) -> None:
    assert lay(tmp_path, f"systemd-sysusers() {CUT_OFF}").returncode < 0
    done = lay(tmp_path, 'systemd-sysusers() { echo "users of $1"; }')
    assert done.returncode == 0, done.stderr
    assert re.findall("users of (.*)", done.stdout) == ["packshot.conf", "packshot-kiosk.conf"]


@pytest.mark.parametrize(
    "cut_off",
    [
        f"reload_udev() {CUT_OFF}",
        f"lay_updater() {CUT_OFF}",
        f"systemctl() {{ [ $1 = restart ] && {CUT_OFF}; echo enabled; }}",
        "systemctl() { [ $1 != restart ] && echo enabled; }",
    ],
    ids=["before udev", "before the updater", "before the daemon", "by a daemon that did not start"],
)
def test_an_installation_cut_off_before_its_services_had_it_is_finished_by_the_next(
    tmp_path: Path, cut_off: str
) -> None:
    assert lay(tmp_path, cut_off).returncode != 0
    done = lay(tmp_path, 'reload_udev() { echo "rules read"; }')
    assert done.returncode == 0, done.stderr
    assert "nothing to change" not in done.stdout
    assert "rules read" in done.stdout
    assert RESTART in done.stdout
    again = lay(tmp_path, 'reload_udev() { echo "rules read"; }')
    assert again.stdout.endswith("nothing to change\n")
    assert RESTART not in again.stdout
    assert "rules read" not in again.stdout
