"""firmware/apply on trees that look like a board's file system."""

import subprocess
from pathlib import Path

import pytest

from firmware.apply import with_append, with_block, with_words

REPOSITORY = Path(__file__).resolve().parents[2]
PI_CONFIG = "# For more options see rptl.io/configtxt\ndtparam=audio=on\n\n[cm4]\notg_mode=1\n\n[all]\n"
PI_CMDLINE = "console=serial0,115200 console=tty1 root=PARTUUID=4e639091-02 rootfstype=ext4 rootwait quiet\n"
EXTLINUX = """TIMEOUT 30
DEFAULT primary

LABEL primary
      MENU LABEL primary kernel
      LINUX /boot/Image
      APPEND ${cbootargs} root=PARTUUID=8c rw rootwait

LABEL backup
      APPEND ${cbootargs} root=PARTUUID=9d rw
"""
STOCK = {
    "pi4": {"boot/firmware/config.txt": PI_CONFIG, "boot/firmware/cmdline.txt": PI_CMDLINE},
    "pi5": {"boot/firmware/config.txt": PI_CONFIG, "boot/firmware/cmdline.txt": PI_CMDLINE},
    "jetson-orin-nano": {"boot/extlinux/extlinux.conf": EXTLINUX},
}


def stock(root: Path, board: str) -> Path:
    for name, text in STOCK[board].items():
        (root / name).parent.mkdir(parents=True, exist_ok=True)
        (root / name).write_text(text)
    return root


def apply(board: str, root: Path, *options: str) -> subprocess.CompletedProcess[str]:
    command = [str(REPOSITORY / "firmware/apply"), board, "--root", str(root), *options]
    return subprocess.run(command, capture_output=True, text=True)


def files(root: Path) -> dict[str, tuple[str, int]]:
    return {
        str(file.relative_to(root)): (file.read_text(), file.stat().st_mtime_ns)
        for file in root.rglob("*")
        if file.is_file()
    }


@pytest.mark.parametrize("board", STOCK)
def test_the_difference_changes_nothing_and_applying_leaves_none(tmp_path: Path, board: str) -> None:
    root = stock(tmp_path, board)
    before = files(root)
    shown = apply(board, root, "--diff")
    assert shown.returncode == 1
    assert "usbcore.autosuspend=-1" in shown.stdout
    assert files(root) == before
    assert apply(board, root).returncode == 0
    assert apply(board, root, "--diff").returncode == 0


@pytest.mark.parametrize("board", STOCK)
def test_a_second_time_changes_nothing(tmp_path: Path, board: str) -> None:
    root = stock(tmp_path, board)
    apply(board, root, "--with", "read-only-root")
    before = files(root)
    again = apply(board, root, "--with", "read-only-root")
    assert "nothing to change" in again.stdout
    assert files(root) == before


@pytest.mark.parametrize("board", STOCK)
def test_what_the_board_came_with_stays(tmp_path: Path, board: str) -> None:
    root = stock(tmp_path, board)
    apply(board, root)
    for name, text in STOCK[board].items():
        words = (root / name).read_text().split()
        assert [word for word in text.split() if word not in words] == []
        assert (root / f"{name}.before-packshot").read_text() == text


@pytest.mark.parametrize("board", STOCK)
def test_every_board_has_a_watchdog_and_a_log_ring(tmp_path: Path, board: str) -> None:
    root = stock(tmp_path, board)
    apply(board, root)
    assert "RuntimeWatchdogSec=" in (root / "etc/systemd/system.conf.d/50-packshot-watchdog.conf").read_text()
    assert "SystemMaxUse=48M" in (root / "etc/systemd/journald.conf.d/50-packshot.conf").read_text()


def test_an_extra_comes_and_goes_with_its_option(tmp_path: Path) -> None:
    root = stock(tmp_path, "pi5")
    config = root / "boot/firmware/config.txt"
    apply("pi5", root, "--with", "coral-pcie")
    assert "pciex1-compat-pi5" in config.read_text()
    apply("pi5", root)
    assert "pciex1-compat-pi5" not in config.read_text()
    assert config.read_text().count(">>> packshot") == 1


def test_a_read_only_root_starts_through_the_overlay_and_its_scripts_can_run(tmp_path: Path) -> None:
    root = stock(tmp_path, "jetson-orin-nano")
    apply("jetson-orin-nano", root, "--with", "read-only-root")
    lines = [line for line in (root / "boot/extlinux/extlinux.conf").read_text().splitlines() if "APPEND" in line]
    assert len(lines) == 2
    assert all("init=/usr/local/sbin/packshot-overlay-init" in line for line in lines)
    assert (root / "usr/local/sbin/packshot-overlay-init").stat().st_mode & 0o111 == 0o111


def test_a_file_that_somebody_changed_is_put_right(tmp_path: Path) -> None:
    root = stock(tmp_path, "pi4")
    apply("pi4", root)
    ring = root / "etc/systemd/journald.conf.d/50-packshot.conf"
    ring.write_text("[Journal]\nStorage=none\n")
    assert "-Storage=none" in apply("pi4", root, "--diff").stdout
    apply("pi4", root)
    assert "Storage=persistent" in ring.read_text()


def test_the_wrong_board_is_refused_before_anything_is_written(tmp_path: Path) -> None:
    root = stock(tmp_path, "pi4")
    before = files(root)
    refused = apply("jetson-orin-nano", root)
    assert refused.returncode == 2
    assert "is this the right board" in refused.stderr
    assert files(root) == before
    assert apply("pi4", root, "--with", "coral-pcie").returncode == 2


def test_a_block_replaces_its_older_self_and_nothing_else() -> None:
    once = with_block("a=1\n", "b=2\n")
    assert with_block(once, "b=2\n") == once
    assert with_block(once, "c=3") == once.replace("b=2", "c=3")
    after = once + "d=4\n"  # somebody added a line below
    assert "d=4" in with_block(after, "c=3")
    assert with_block("", "b=2").startswith("# >>> packshot")


@pytest.mark.parametrize(
    ("line", "wanted", "expected"),
    [
        ("quiet", ["a=1"], "quiet a=1"),
        ("a=1 quiet", ["a=1"], "a=1 quiet"),
        ("a=0 quiet a=2", ["a=1"], "quiet a=1"),
        ("console=tty1 x", ["x"], "console=tty1 x"),
        ("ab=1", ["a=1"], "ab=1 a=1"),
        ("", ["a=1", "b"], "a=1 b"),
    ],
)
def test_kernel_options_are_set_once(line: str, wanted: list[str], expected: str) -> None:
    assert with_words(line, wanted) == f"{expected}\n"
    assert with_words(with_words(line, wanted), wanted) == f"{expected}\n"


def test_a_boot_menu_without_kernel_options_is_refused() -> None:
    with pytest.raises(ValueError, match="no APPEND"):
        with_append("LABEL primary\n", ["a"])


def test_no_line_is_longer_than_the_boot_loader_reads() -> None:
    files = [*(REPOSITORY / "firmware/boards").rglob("config.txt")]
    assert files
    assert [line for file in files for line in file.read_text().splitlines() if len(line) > 98] == []
