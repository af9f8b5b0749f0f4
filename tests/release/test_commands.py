"""The commands as a release engineer types them, and what boxes then see."""

import json
import tarfile
from pathlib import Path

import pytest

from packshot.update.manifest import Channel, Manifest, parse
from tests.release.checkout import Checkout, make_checkout
from tests.release.conftest import Box
from tools.releasing.__main__ import main


class Desk:
    """Keys, a repository and a checkout, and the command to use them."""

    def __init__(self, folder: Path) -> None:
        self.keys, self.repository = folder / "keys", folder / "repository"
        self.checkout: Checkout = make_checkout(folder)
        self.folder = folder

    def release(self, command: str, *arguments: str, keys: Path | None = None) -> int:
        here = (
            ()
            if command in ("keys", "build")
            else ("--repository", str(self.repository), "--keys", str(keys or self.keys))
        )
        return main([command, *arguments, *here])

    def make(self, version: str, *arguments: str) -> int:
        source = ("--source", str(self.checkout.folder), "--cache", str(self.checkout.cache))
        return self.release("make", self.checkout.tag(version), *source, "--platform", "aarch64-cp311", *arguments)

    def channel(self, box: Box) -> Channel:
        return parse(box.get("channels/stable.json"), Channel, "stable")


@pytest.fixture
def desk(tmp_path: Path) -> Desk:
    made = Desk(tmp_path)
    assert made.release("keys", str(made.keys)) == 0
    assert made.release("init") == 0
    return made


@pytest.fixture
def shop(desk: Desk, tmp_path: Path) -> Box:
    return Box(tmp_path / "box", desk.repository)


def test_one_command_brings_a_tag_to_the_boxes(desk: Desk, shop: Box) -> None:
    assert desk.make("1.0.0", "--percent", "10", "--canary", "shop-1") == 0
    [offered] = desk.channel(shop).releases
    assert (offered.version, offered.rollout.percent, offered.rollout.canaries) == ("1.0.0", 10.0, ("shop-1",))
    manifest = parse(shop.get(offered.manifests["aarch64-cp311"]), Manifest, "manifest")
    assert manifest.sequence == offered.sequence
    for file in (*manifest.files(), *manifest.updater.wheels):
        assert len(shop.get(file.target)) == file.bytes


def test_an_unchanged_wheel_keeps_its_place_so_that_boxes_fetch_it_once(desk: Desk, shop: Box) -> None:
    desk.make("1.0.0")
    desk.make("1.1.0")
    old, new = (
        {file.target for file in parse(shop.get(one.manifests["aarch64-cp311"]), Manifest, "m").wheels}
        for one in desk.channel(shop).releases
    )
    assert len(new - old) == 1


def test_a_kit_holds_the_installer_the_wheels_and_the_trust_anchor(desk: Desk, tmp_path: Path) -> None:
    desk.make("1.0.0")
    source = ("--source", str(desk.checkout.folder))
    assert desk.release("kit", "1.0.0", "-o", str(tmp_path / "kits"), *source) == 0
    with tarfile.open(tmp_path / "kits" / "packshot-1.0.0-aarch64-cp311.tar") as kit:
        names = [name.removeprefix("packshot-1.0.0/") for name in kit.getnames()]
        anchor = kit.extractfile("packshot-1.0.0/root.json")
        assert anchor is not None
        assert anchor.read() == (desk.repository / "metadata" / "1.root.json").read_bytes()
    for name in ("deploy/systemd/packshotd.service", "deploy/locks/runtime.txt", "service/packshot/__init__.py"):
        assert name in names
    wheels = [name.removeprefix("wheels/") for name in names if name.endswith(".whl")]
    assert [wheel.partition("-")[0] for wheel in wheels] == ["camera", "native", "packshot", "tufish"]


def test_a_release_is_rolled_out_wider_and_withdrawn(desk: Desk, shop: Box) -> None:
    desk.make("1.0.0")
    assert desk.channel(shop).releases[0].rollout.percent == 0
    assert desk.release("rollout", "1.0.0", "--canary", "shop-1") == 0
    assert desk.release("rollout", "1.0.0", "--percent", "50") == 0
    [wider] = desk.channel(shop).releases
    assert (wider.rollout.percent, wider.rollout.canaries) == (50.0, ("shop-1",))
    assert desk.release("withdraw", "1.0.0") == 0
    assert desk.channel(shop).releases[0].withdrawn


def test_a_withdrawn_release_is_not_rolled_out(desk: Desk, shop: Box, capsys: pytest.CaptureFixture[str]) -> None:
    desk.make("1.0.0")
    desk.release("withdraw", "1.0.0")
    capsys.readouterr()
    assert desk.release("rollout", "1.0.0", "--percent", "50") == 2
    said = capsys.readouterr()
    assert said.out == ""
    assert "1.0.0 is withdrawn from stable" in said.err
    assert desk.channel(shop).releases[0].rollout.percent == 0


def test_a_version_below_the_newest_is_not_offered(desk: Desk, shop: Box, capsys: pytest.CaptureFixture[str]) -> None:
    desk.make("1.1.0")
    assert desk.make("1.0.0") == 2
    assert "make a higher version" in capsys.readouterr().err
    assert [release.version for release in desk.channel(shop).releases] == ["1.1.0"]


def test_key_holders_in_different_places_make_a_root_together(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    desk = Desk(tmp_path)
    desk.release("keys", str(desk.keys), "root-1", "targets", "channels", "snapshot", "timestamp")
    desk.release("keys", str(tmp_path / "other"), "root-2")
    (desk.keys / "root-2.pub").write_bytes((tmp_path / "other" / "root-2.pub").read_bytes())
    assert desk.release("init") == 1
    assert "waits for 1 more signature" in capsys.readouterr().out
    assert desk.release("sign", keys=tmp_path / "other") == 0
    assert "tools/release init" in capsys.readouterr().out, "the lists are signed where their keys are"
    assert desk.release("init") == 0
    assert desk.make("1.0.0") == 0


def test_status_warns_before_something_expires(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    assert desk.release("status") == 0
    assert desk.release("status", "--within", "30") == 0, (
        "what has just been signed is not late, however short its life"
    )
    assert desk.release("renew", "timestamp", "--days", "timestamp=3") == 0
    assert desk.release("status", "--within", "7") == 1
    assert "expires within 7 days: timestamp; run: tools/release renew timestamp" in capsys.readouterr().out
    assert desk.release("renew", "--within", "7", "--days", "timestamp=14") == 0
    assert "renewed: timestamp" in capsys.readouterr().out
    assert desk.release("status", "--within", "7") == 0


def test_renewing_what_is_not_due_changes_nothing(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    before = {file: file.read_bytes() for file in desk.repository.rglob("*.json")}
    assert desk.release("renew", "root", "targets", "snapshot", "--within", "1") == 0
    assert "nothing was due" in capsys.readouterr().out
    assert {file: file.read_bytes() for file in desk.repository.rglob("*.json")} == before


@pytest.mark.parametrize("there", ["targets", "snapshot", "timestamp"])
def test_a_timer_that_lacks_an_online_key_does_not_claim_to_have_renewed(
    desk: Desk, there: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    stick = tmp_path / "stick"
    stick.mkdir()
    for file in desk.keys.glob(f"{there}.*"):
        (stick / file.name).write_bytes(file.read_bytes())
    before = (desk.repository / "metadata" / "timestamp.json").read_bytes()

    assert desk.release("renew", keys=stick) == 2
    said = capsys.readouterr()
    assert "renewed" not in said.out
    assert "add its folder with --keys" in said.err
    assert (desk.repository / "metadata" / "timestamp.json").read_bytes() == before


@pytest.mark.parametrize("role", ["root", "targets", "channels", "snapshot", "timestamp"])
def test_a_stolen_key_is_replaced_and_boxes_follow(desk: Desk, shop: Box, role: str, tmp_path: Path) -> None:
    desk.make("1.0.0")
    shop.get("channels/stable.json")
    stolen = next(desk.keys.glob(f"{role}*.pub")).read_text()
    keyid = stolen.partition('"keyid": "')[2][:16]
    desk.release("keys", str(desk.keys), f"{role}-new")
    assert desk.release("rotate", role, "--add", f"{role}-new", "--drop", keyid) == 0
    assert desk.make("1.1.0") == 0
    assert [release.version for release in desk.channel(shop).releases] == ["1.0.0", "1.1.0"]
    assert desk.release("status") == 0


def apart(desk: Desk, *names: str) -> Path:
    """Takes keys out of the desk, to a key holder elsewhere, with whom all public halves are as well."""
    folder = desk.folder / "elsewhere"
    folder.mkdir()
    for public in desk.keys.glob("*.pub"):
        (folder / public.name).write_bytes(public.read_bytes())
    for name in names:
        (desk.keys / f"{name}.pem").rename(folder / f"{name}.pem")
    return folder


def keyid_of(desk: Desk, name: str) -> str:
    return str(json.loads((desk.keys / f"{name}.pub").read_text())["keyid"])


@pytest.mark.parametrize("role", ["targets", "snapshot", "timestamp"])
def test_the_second_key_holder_completes_a_new_root_and_boxes_follow(desk: Desk, shop: Box, role: str) -> None:
    desk.make("1.0.0")
    shop.get("channels/stable.json")
    desk.release("keys", str(desk.keys), f"{role}-new")
    first = apart(desk, "root-1")
    assert desk.release("rotate", role, "--add", f"{role}-new", "--drop", keyid_of(desk, role), keys=first) == 1
    assert desk.release("sign") == 0
    assert [release.version for release in desk.channel(shop).releases] == ["1.0.0"]


def test_the_second_key_holder_is_told_who_must_sign_next(
    desk: Desk, shop: Box, capsys: pytest.CaptureFixture[str]
) -> None:
    desk.make("1.0.0")
    shop.get("channels/stable.json")
    desk.release("keys", str(desk.keys), "targets-new")
    second = apart(desk, "root-2", "root-3", "snapshot", "timestamp")
    assert desk.release("rotate", "targets", "--add", "targets-new", "--drop", keyid_of(desk, "targets")) == 1
    assert desk.release("sign", keys=second) == 1
    assert "tools/release renew targets, by the holder of the targets key" in capsys.readouterr().out
    assert desk.release("renew", "targets") == 0
    assert "tools/release renew, where the snapshot and timestamp keys are" in capsys.readouterr().out
    assert desk.release("renew", keys=second) == 0
    assert [release.version for release in desk.channel(shop).releases] == ["1.0.0"]


@pytest.mark.parametrize("added", [(), ("--add", "channels-new")], ids=["no key at all", "a key that is elsewhere"])
def test_channels_are_not_left_without_a_key_that_can_sign_them(
    desk: Desk, shop: Box, added: tuple[str, ...], capsys: pytest.CaptureFixture[str]
) -> None:
    desk.make("1.0.0")
    desk.release("keys", str(desk.keys), "channels-new")
    apart(desk, "channels-new")
    assert desk.release("rotate", "channels", *added, "--drop", keyid_of(desk, "channels")) == 2
    assert "channels" in capsys.readouterr().err
    assert desk.release("renew") == 0
    assert [release.version for release in desk.channel(shop).releases] == ["1.0.0"]


def test_keys_are_refused_inside_a_work_tree(desk: Desk, capsys: pytest.CaptureFixture[str]) -> None:
    inside = desk.checkout.folder / "keys"
    assert desk.release("keys", str(inside)) == 2
    assert "inside the work tree" in capsys.readouterr().err
    assert not inside.exists()
