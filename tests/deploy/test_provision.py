"""A box's first boot: id, key, certificate request."""

import shutil
import subprocess
from pathlib import Path

import pytest

from packshot.cli import main
from packshot.config import load
from packshot.errors import ConfigError, UsageError
from packshot.platform.procfs import HostFiles
from packshot.provision import derived_id, provision

needs_openssl = pytest.mark.skipif(shutil.which("openssl") is None, reason="openssl is not installed")

WHERE = {
    "device_tree": "proc/device-tree/serial-number",
    "product": "sys/class/dmi/id/product_serial",
    "machine_id": "etc/machine-id",
}


def openssl(*arguments: str) -> str:
    done = subprocess.run(["openssl", *arguments], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    return done.stdout + done.stderr


def host(folder: Path, **files: str) -> HostFiles:
    for name, text in files.items():
        path = folder / WHERE[name]
        path.parent.mkdir(parents=True)
        path.write_text(text)
    return HostFiles(folder)


@needs_openssl
def test_the_request_is_signed_by_the_key_and_bears_the_id(tmp_path: Path) -> None:
    done = provision(tmp_path, "studio-1")
    assert "CN = studio-1" in openssl("req", "-in", str(done.request), "-noout", "-subject", "-verify")
    public = openssl("pkey", "-in", str(done.key), "-pubout")
    assert public == openssl("req", "-in", str(done.request), "-noout", "-pubkey")
    assert "P-256" in openssl("pkey", "-in", str(done.key), "-noout", "-text")


@needs_openssl
def test_others_may_not_read_the_key(tmp_path: Path) -> None:
    assert provision(tmp_path, "studio-1").key.stat().st_mode & 0o007 == 0


@needs_openssl
def test_the_configuration_then_holds_the_id(tmp_path: Path) -> None:
    (tmp_path / "packshot.toml").write_text("")
    provision(tmp_path, "studio-1")
    assert load(tmp_path / "packshot.toml", {}).config.device.id == "studio-1"


@needs_openssl
def test_a_second_time_nothing_is_made_and_nothing_changes(tmp_path: Path) -> None:
    first = provision(tmp_path, "studio-1")
    before = (first.key.read_bytes(), first.request.read_bytes())
    assert len(first.made) == 3
    again = provision(tmp_path, "studio-1")
    assert again.made == ()
    assert (first.key.read_bytes(), first.request.read_bytes()) == before


@needs_openssl
def test_a_power_cut_before_the_request_is_made_good_with_the_same_key(tmp_path: Path) -> None:
    first = provision(tmp_path, "studio-1")
    key = first.key.read_bytes()
    first.request.unlink()
    assert provision(tmp_path, "studio-1").made == (first.request,)
    assert first.key.read_bytes() == key


@needs_openssl
def test_a_request_for_another_box_is_not_passed_off_as_ours(tmp_path: Path) -> None:
    provision(tmp_path, "studio-1")
    (tmp_path / "conf.d/10-device.toml").unlink()
    with pytest.raises(UsageError, match=r"CN=studio-1, not the device id studio-2"):
        provision(tmp_path, "studio-2")


@pytest.mark.parametrize("file", ["packshot.toml", "conf.d/10-device.toml"])
def test_a_box_that_has_a_name_is_not_given_another(
    tmp_path: Path, file: str, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "packshot.toml").write_text("")
    (tmp_path / file).write_text('[device]\nid = "studio-1"\n')
    assert main(["provision", "--folder", str(tmp_path), "--device-id", "studio-2"]) == 2
    assert "device.id is studio-1 already, not studio-2" in capsys.readouterr().err
    assert not (tmp_path / "tls").exists()


def test_nor_where_only_the_name_of_the_first_try_was_written(tmp_path: Path) -> None:
    (tmp_path / "conf.d").mkdir()
    (tmp_path / "conf.d/10-device.toml").write_text('[device]\nid = "studio-1"\n')
    with pytest.raises(UsageError, match=r"device\.id is studio-1 already"):
        provision(tmp_path, "studio-2")


def test_the_id_follows_from_the_board_and_differs_between_boards(tmp_path: Path) -> None:
    one = derived_id(host(tmp_path / "1", device_tree="10000000a1b2c3d4\0", machine_id="0af1"))
    same = derived_id(host(tmp_path / "2", device_tree="10000000a1b2c3d4\0", machine_id="ffff"))
    other = derived_id(host(tmp_path / "3", device_tree="10000000a1b2c3d5\0"))
    assert one == same != other
    assert one.startswith("packshot-")
    assert derived_id(host(tmp_path / "4", device_tree="0000000000000000\0", machine_id="0af1")) != one


@pytest.mark.parametrize(
    "serial",
    [
        "To Be Filled By O.E.M.",
        "To be filled by O.E.M.",
        "Default string",
        "0123456789",
        "Not Specified",
        "System Serial Number",
        "None",
        "0",
        "00000000",
        "................",
        "0000-0000",
    ],
)
def test_two_pcs_whose_maker_left_the_serial_number_out_differ(tmp_path: Path, serial: str) -> None:
    one = derived_id(host(tmp_path / "1", product=f"{serial}\n", machine_id="0af1"))
    assert one != derived_id(host(tmp_path / "2", product=f"{serial}\n", machine_id="0af2"))
    assert one == derived_id(host(tmp_path / "3", machine_id="0af1"))


def test_a_pcs_own_serial_number_outlives_a_new_installation(tmp_path: Path) -> None:
    one = derived_id(host(tmp_path / "1", product="5CG0.120-X\n", machine_id="0af1"))
    assert one == derived_id(host(tmp_path / "2", product="5CG0.120-X\n", machine_id="0af2"))


def test_a_machine_without_a_serial_number_must_be_named(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="--device-id"):
        derived_id(HostFiles(tmp_path))
