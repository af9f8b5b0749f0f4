"""What a container cannot show: the device controller, the memory limit and the hardware watchdog of a real kernel."""

import json

from tests.support.guest import configure
from tests.support.waiting import eventually
from tests.vm.machine import INSIDE, Machine

UNIT = "/usr/local/lib/systemd/system/packshotd.service"
ALLOWED = ("/dev/video0", "/dev/null", "/dev/urandom")
REFUSED = ("/dev/vda", "/dev/ttyS1", "/dev/loop-control", "/dev/fuse", "/dev/vcs1", "/dev/net/tun")
WATCHDOG = "/etc/systemd/system.conf.d/50-packshot-watchdog.conf"


def test_cameras_open_and_other_nodes_do_not_though_their_modes_would_allow_it(machine: Machine) -> None:
    machine.run("sh", "-c", "modprobe vivid; modprobe loop; modprobe fuse; modprobe tun; udevadm settle")
    present = [node for node in REFUSED if machine.run("test", "-e", node, check=False).returncode == 0]
    assert len(present) >= 4, present
    machine.run("chmod", "a+rw", *present)
    found = attempts(machine, (*ALLOWED, *present))
    assert {node: found[node] for node in ALLOWED} == dict.fromkeys(ALLOWED, "done")
    assert {node: found[node] for node in present} == dict.fromkeys(present, "EPERM")


def attempts(machine: Machine, nodes: tuple[str, ...]) -> dict[str, str]:
    """What comes of opening them from the very sandbox of packshotd: its unit, with another program to start."""
    start = f"/usr/bin/python3 {INSIDE}/nodes.py {' '.join(nodes)}"
    skipped = ("Type=", "ExecReload=", "WatchdogSec=", "Restart=")
    unit = [line for line in machine.out("cat", UNIT).splitlines() if not line.startswith(skipped)]
    text = (
        "\n".join(unit)
        .replace("/opt/packshot/current/bin/packshotd", start)
        .replace("[Service]", "[Service]\nType=oneshot")
    )
    machine.write("/run/systemd/system/packshot-nodes.service", text)
    machine.run("systemctl", "daemon-reload")
    machine.run("systemctl", "start", "packshot-nodes", check=False)
    printed = [line for line in machine.journal("packshot-nodes").splitlines() if line.startswith("{")]
    assert printed, machine.journal("packshot-nodes")
    return dict(json.loads(printed[-1]))


def test_the_kernel_holds_the_daemon_to_its_memory(machine: Machine) -> None:
    group = machine.property("packshotd", "ControlGroup")
    limit = int(machine.out("cat", f"/sys/fs/cgroup{group}/memory.max"))
    total_kb = int(machine.out("awk", "/MemTotal/ {print $2}", "/proc/meminfo"))
    assert 0.75 < limit / (total_kb * 1024) < 0.85


def test_systemd_feeds_the_hardware_watchdog_as_the_board_s_file_says(machine: Machine) -> None:
    machine.run("modprobe", "softdog", "soft_noboot=1")
    machine.write(WATCHDOG, machine.out("cat", f"{INSIDE}/watchdog.conf") + "\n")
    machine.run("systemctl", "daemon-reexec")
    eventually(lambda: machine.out("cat", "/sys/class/watchdog/watchdog0/state") == "active", "a fed watchdog")
    assert machine.out("cat", "/sys/class/watchdog/watchdog0/timeout") == "14"
    machine.run("rm", WATCHDOG)


def test_a_daemon_that_is_restarted_serves_on_this_kernel(machine: Machine) -> None:
    configure(machine)
    assert machine.out("systemctl", "is-active", "packshotd") == "active"
    assert "engine=litert-xnnpack" in machine.journal("packshotd")
