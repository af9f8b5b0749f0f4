"""What a build holds, that it is the same every time, and from what it is not made."""

import hashlib
import json
import zipfile
from pathlib import Path

import pytest
from cyclonedx.schema import SchemaVersion
from cyclonedx.validation.json import JsonStrictValidator

from packshot.errors import UsageError
from tests.release.checkout import Checkout, make_checkout
from tools.releasing.build import Build, build
from tools.releasing.platforms import ALL, Platform
from tools.releasing.source import first_paragraph, sequence

PI = Platform("aarch64", (3, 11))


@pytest.fixture
def checkout(tmp_path: Path) -> Checkout:
    return make_checkout(tmp_path)


def built(checkout: Checkout, tag: str, folder: Path, *platforms: Platform) -> Build:
    return build(checkout.folder, tag, folder, platforms or (PI,), checkout.cache)


def test_every_platform_gets_a_complete_set_of_wheels_of_its_own(checkout: Checkout, tmp_path: Path) -> None:
    manifests = built(checkout, checkout.tag("1.2.0"), tmp_path / "build", *ALL).manifests()
    assert sorted(manifests) == sorted(str(platform) for platform in ALL)
    names = [file.name for file in manifests["aarch64-cp311"].wheels]
    assert names == [
        "packshot-1.2.0-py3-none-any.whl",
        "native-1.0-cp311-cp311-manylinux_2_28_aarch64.whl",
        "camera-1.0-py3-none-any.whl",
    ]
    assert "native" not in str(manifests["aarch64-cp311-camera"].wheels)
    assert [file.name for file in manifests["x86_64-cp313"].updater.wheels] == [
        "packshot-1.2.0-py3-none-any.whl",
        "tufish-1.0-py3-none-any.whl",
    ]


def test_a_manifest_says_whence_and_when_and_what_goes_outside_the_slot(checkout: Checkout, tmp_path: Path) -> None:
    manifest = built(checkout, checkout.tag("1.2.0"), tmp_path / "build").manifests()["aarch64-cp311"]
    assert manifest.commit == checkout.git("rev-parse", "HEAD")
    assert manifest.built_at == "2026-01-01T12:00:00Z"
    assert manifest.notes == "Better than before."
    assert {(one.folder, one.file.name) for one in manifest.deploy} == {
        ("systemd", "packshotd.service"),
        ("systemd", "packshot-update.timer"),
        ("udev", "70-packshot.rules"),
    }
    assert [one.name for one in manifest.documents] == ["sbom-aarch64-cp311.cdx.json", "CHANGELOG.md", "LICENSE"]


def test_the_bill_of_materials_names_every_wheel_and_network_with_its_hash(checkout: Checkout, tmp_path: Path) -> None:
    made = built(checkout, checkout.tag("1.2.0"), tmp_path / "build")
    manifest = made.manifests()["aarch64-cp311"]
    text = (made.folder / manifest.documents[0].target).read_text()
    assert JsonStrictValidator(SchemaVersion.V1_6).validate_str(text) is None
    bill = json.loads(text)
    listed = {part["name"]: part["hashes"][0]["content"] for part in bill["components"]}
    wheels = {file.name.partition("-")[0]: file.sha256 for file in (*manifest.wheels, *manifest.updater.wheels)}
    assert listed == {**wheels, "tiny-1.0.int8.tflite": hashlib.sha256(b"network").hexdigest()}
    native = next(part for part in bill["components"] if part["name"] == "native")
    assert native["licenses"] == [{"license": {"id": "MIT"}}]
    assert native["purl"].startswith("pkg:pypi/native@1.0")
    assert (bill["bomFormat"], bill["specVersion"]) == ("CycloneDX", "1.6")


def test_the_same_tag_gives_the_same_bytes(checkout: Checkout, tmp_path: Path) -> None:
    tag = checkout.tag("1.2.0")
    first, second = (built(checkout, tag, tmp_path / name, *ALL) for name in ("one", "two"))
    assert content(first.folder) == content(second.folder)


def content(folder: Path) -> dict[str, bytes]:
    return {str(file.relative_to(folder)): file.read_bytes() for file in folder.rglob("*") if file.is_file()}


def test_what_lies_beside_the_tag_is_refused_and_what_git_ignores_does_not_get_in(
    checkout: Checkout, tmp_path: Path
) -> None:
    checkout.write(".gitignore", "*.secret\n")
    tag = checkout.tag("1.2.0")
    checkout.write("service/packshot/password.secret", "hush")
    made = built(checkout, tag, tmp_path / "build")
    with zipfile.ZipFile(made.folder / made.manifests()["aarch64-cp311"].wheels[0].target) as wheel:
        assert not [name for name in wheel.namelist() if "secret" in name]
    checkout.write("service/packshot/extra.py", "")
    with pytest.raises(UsageError, match="not clean"):
        built(checkout, tag, tmp_path / "again")
    assert not (tmp_path / "again").exists()


def test_a_tag_that_the_checkout_does_not_stand_at_is_refused(checkout: Checkout, tmp_path: Path) -> None:
    old = checkout.tag("1.2.0")
    checkout.tag("1.3.0")
    with pytest.raises(UsageError, match=r"does not stand at v1\.2\.0"):
        built(checkout, old, tmp_path / "build")


def test_a_tag_that_names_another_version_is_refused(checkout: Checkout, tmp_path: Path) -> None:
    checkout.tag("1.2.0")
    checkout.git("tag", "v2.0.0")
    with pytest.raises(UsageError, match=r"holds version 1\.2\.0"):
        built(checkout, "v2.0.0", tmp_path / "build")


def test_a_unit_under_a_foreign_name_is_refused(checkout: Checkout, tmp_path: Path) -> None:
    tag = checkout.tag("1.2.0", **{"deploy/systemd/sshd.service": "[Service]\n"})
    with pytest.raises(UsageError, match=r"sshd\.service is no name"):
        built(checkout, tag, tmp_path / "build")


def test_a_changed_build_is_not_published(checkout: Checkout, tmp_path: Path) -> None:
    made = built(checkout, checkout.tag("1.2.0"), tmp_path / "build")
    file = made.folder / made.manifests()["aarch64-cp311"].wheels[1].target
    file.write_bytes(file.read_bytes()[:-1] + b"x")
    with pytest.raises(UsageError, match="is not what the manifest says"):
        made.targets()


def test_sequences_grow_as_versions_do() -> None:
    versions = [
        "0.9.9",
        "1.0.0a1",
        "1.0.0a2",
        "1.0.0b1",
        "1.0.0rc1",
        "1.0.0rc2",
        "1.0.0",
        "1.0.1rc1",
        "1.0.10",
        "1.10.0",
    ]
    numbers = [sequence(version) for version in versions]
    assert numbers == sorted(set(numbers))


@pytest.mark.parametrize("version", ["1.0", "1.0.0.post1", "1.0.0.dev1", "1.0.0+local", "1!1.0.0", "1.1000.0", "one"])
def test_versions_without_a_place_in_the_order_are_refused(version: str) -> None:
    with pytest.raises(UsageError, match=r"MAJOR\.MINOR\.PATCH"):
        sequence(version)


@pytest.mark.parametrize("changelog", ["# Changelog\n", "## 1.0.0 - unreleased\n\nx\n", "## 1.0.01 - 2026-01-01\n"])
def test_a_changelog_that_does_not_speak_of_the_version_is_refused(changelog: str) -> None:
    with pytest.raises(UsageError, match=r"no section '## 1\.0\.0"):
        first_paragraph(changelog, "1.0.0")
