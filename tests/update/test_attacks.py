"""Everything that may be wrong with a repository: refused in one line that names the file, and the old release runs."""

import shutil
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timezone, tzinfo
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import msgspec
import pytest
from securesystemslib.signer import CryptoSigner
from tuf.api.metadata import Metadata, MetaFile, Root, Snapshot, Targets, Timestamp

from packshot.errors import PackshotError
from packshot.update.fetcher import Stream, name_of
from packshot.update.install import Wish
from packshot.update.manifest import Rollout, encode
from packshot.update.problems import UpdateClockWrong, UpdateRefused, UpdateUnreachable
from packshot.update.repository import check_anchor
from packshot.update.sources import FolderSource
from tests.update.house import House
from tests.update.signing import SignedRepository

PAST = datetime(2025, 2, 1, tzinfo=UTC)
YEAR_MS = 365 * 24 * 3600 * 1000


def refusal(house: House, repository: SignedRepository, kind: type[PackshotError] = UpdateRefused) -> str:
    """The line with which an install is refused; the box is as it was."""
    with pytest.raises(kind) as caught:
        house.install(repository.folder)
    line = str(caught.value)
    assert "\n" not in line
    assert house.runs == house.points_to == "0.1.0"
    assert house.status()["phase"] == "idle"
    assert house.status()["error"] == line
    return line


def load(repository: SignedRepository, name: str) -> Metadata[Any]:
    return Metadata.from_file(str(repository.folder / "metadata" / name))


def test_bad_signature(house: House, repository: SignedRepository) -> None:
    repository.edit("timestamp.json", {"version": 7})
    assert refusal(house, repository).startswith("metadata/timestamp.json: ")


@pytest.mark.parametrize("role", [Timestamp.type, Snapshot.type, Targets.type])
def test_wrong_key(house: House, repository: SignedRepository, role: str) -> None:
    repository.keys[role] = [CryptoSigner.generate_ed25519()]
    repository.publish()
    assert role in refusal(house, repository)


def test_a_new_root_with_too_few_signatures(house: House, repository: SignedRepository) -> None:
    repository.root.version = 2
    repository.publish_root(repository.keys[Root.type][:1])
    assert refusal(house, repository).startswith("metadata/2.root.json: ")


def test_a_new_root_signed_by_new_keys_alone(house: House, repository: SignedRepository) -> None:
    mine = [CryptoSigner.generate_ed25519() for _ in range(2)]
    repository.root.version = 2
    for signer in mine:
        repository.root.add_key(signer.public_key, Root.type)
    repository.publish_root(mine)
    assert "2.root.json" in refusal(house, repository)


def test_keys_are_rotated_by_the_old_root(house: House, repository: SignedRepository) -> None:
    repository.root.version = 2
    old = repository.keys[Timestamp.type][0]
    repository.root.revoke_key(old.public_key.keyid, Timestamp.type)
    repository.keys[Timestamp.type] = [CryptoSigner.generate_ed25519()]
    repository.root.add_key(repository.keys[Timestamp.type][0].public_key, Timestamp.type)
    repository.publish_root()
    repository.publish()
    assert house.install(repository.folder).word == "committed"


def test_a_revoked_key(house: House, repository: SignedRepository) -> None:
    repository.root.version = 2
    old = repository.keys[Timestamp.type][0]
    repository.root.revoke_key(old.public_key.keyid, Timestamp.type)
    repository.root.add_key(CryptoSigner.generate_ed25519().public_key, Timestamp.type)
    repository.publish_root()
    assert refusal(house, repository).startswith("metadata/timestamp.json: ")


@pytest.mark.parametrize("role", [Timestamp.type, Snapshot.type, Targets.type])
def test_expired(house: House, repository: SignedRepository, role: str) -> None:
    name = {Timestamp.type: "timestamp.json"}.get(role, f"1.{role}.json")
    metadata = load(repository, name)
    metadata.signed.expires = PAST
    repository.write(name, metadata.signed)
    line = refusal(house, repository)
    assert f"{role}.json" in line or role in line
    assert "expired" in line


def test_expired_root(house: House, repository: SignedRepository) -> None:
    repository.root.version, repository.root.expires = 2, PAST
    repository.publish_root()
    assert "root.json is expired" in refusal(house, repository)


def test_freeze(house: House, repository: SignedRepository, tmp_path: Path) -> None:
    """Whoever withholds news can do so until the timestamp expires."""
    frozen = tmp_path / "frozen"
    shutil.copytree(repository.folder, frozen)
    house.install(repository.folder)
    assert house.install(frozen).word == "up-to-date"
    metadata = Metadata.from_file(str(frozen / "metadata/timestamp.json"))
    metadata.signed.expires = PAST
    metadata.signed.version = 9
    metadata.sign(repository.keys[Timestamp.type][0])
    metadata.to_file(str(frozen / "metadata/timestamp.json"))
    with pytest.raises(UpdateRefused, match="expired"):
        house.install(frozen)


def test_a_repository_rolled_back_to_an_earlier_state(
    house: House, repository: SignedRepository, tmp_path: Path
) -> None:
    yesterday = tmp_path / "yesterday"
    shutil.copytree(repository.folder, yesterday)
    repository.publish()
    with pytest.raises(UpdateRefused):
        house.install(lambda: _blind(house, repository))
    shutil.rmtree(repository.folder)
    yesterday.rename(repository.folder)
    assert "timestamp" in refusal(house, repository)


def _blind(house: House, repository: SignedRepository):  # type: ignore[no-untyped-def]
    """Has learned of the new state, and then nothing more."""
    found = house.repository(repository.folder)
    found.refresh()
    raise UpdateRefused("enough")


def test_a_snapshot_rolled_back(house: House, repository: SignedRepository) -> None:
    repository.publish()
    house.install(repository.folder, Wish(version="0.2.0"))
    timestamp = Timestamp(99, expires=repository.expires)
    timestamp.snapshot_meta = MetaFile(1)
    repository.write("timestamp.json", timestamp)
    with pytest.raises(UpdateRefused, match="snapshot version must be"):
        house.install(repository.folder)
    assert house.runs == "0.2.0"


def test_mix_and_match(house: House, repository: SignedRepository) -> None:
    """Today's snapshot with yesterday's targets, both properly signed."""
    metadata = repository.folder / "metadata"
    repository.publish()
    shutil.copy(metadata / "1.targets.json", metadata / "2.targets.json")
    assert refusal(house, repository).startswith("metadata/2.targets.json: ")


def test_a_timestamp_that_is_a_snapshot(house: House, repository: SignedRepository) -> None:
    metadata = repository.folder / "metadata"
    shutil.copy(metadata / "1.snapshot.json", metadata / "timestamp.json")
    assert refusal(house, repository).startswith("metadata/timestamp.json: ")


def test_an_older_release_is_not_installed_though_it_is_signed(house: House, repository: SignedRepository) -> None:
    house.install(repository.folder)
    repository.releases = []
    repository.release("0.1.5", 1)
    repository.publish()
    assert house.install(repository.folder).word == "up-to-date"
    with pytest.raises(UpdateRefused, match=r"0\.1\.5 is not newer than 0\.2\.0"):
        house.install(repository.folder, Wish(version="0.1.5"))
    assert house.runs == "0.2.0"


@pytest.mark.parametrize("platform", ["aarch64-cp311", "x86_64-cp313", "x86_64-cp311-camera"])
def test_a_channel_without_anything_for_this_machine(house: House, repository: SignedRepository, platform: str) -> None:
    repository.releases = []
    repository.release("0.3.0", 3, platform=platform)
    repository.publish()
    assert f"nothing for x86_64-cp311, only for {platform}" in refusal(house, repository)


@pytest.mark.parametrize(("field", "value"), [("platform", "aarch64-cp311"), ("version", "9.9"), ("sequence", 77)])
def test_a_manifest_that_is_not_the_one_the_channel_means(
    house: House, repository: SignedRepository, field: str, value: object
) -> None:
    manifest = msgspec.structs.replace(repository.release("0.2.0", 2), **{field: value})
    repository.add("releases/0.2.0/x86_64-cp311.json", encode(manifest))
    repository.publish()
    assert f"its {field} is {value}" in refusal(house, repository)


def test_a_withdrawn_release_is_not_begun(house: House, repository: SignedRepository) -> None:
    repository.releases = [msgspec.structs.replace(release, withdrawn=True) for release in repository.releases]
    repository.publish()
    assert house.install(repository.folder).word == "up-to-date"


def test_a_release_that_needs_a_newer_updater_than_it_brings(house: House, repository: SignedRepository) -> None:
    repository.releases = [msgspec.structs.replace(release, min_updater=99) for release in repository.releases]
    repository.publish()
    assert "needs an updater that understands 99" in refusal(house, repository)


def test_a_target_that_is_not_signed(house: House, repository: SignedRepository) -> None:
    repository.targets.targets = {
        name: info for name, info in repository.targets.targets.items() if not name.startswith("files/")
    }
    repository.publish()
    assert "not signed by this repository" in refusal(house, repository)


def test_a_box_without_a_trust_anchor(house: House, repository: SignedRepository) -> None:
    house.layout.anchor.unlink()
    assert "update/root.json: No such file" in refusal(house, repository)


def test_a_trust_anchor_that_is_none(house: House, repository: SignedRepository) -> None:
    house.trust(b"{}")
    assert "the trust anchor" in refusal(house, repository)
    with pytest.raises(UpdateRefused):
        check_anchor(b"{}")
    check_anchor(repository.anchor)


def test_another_repositorys_anchor(house: House, repository: SignedRepository, tmp_path: Path) -> None:
    house.trust(SignedRepository(tmp_path / "other").anchor)
    refusal(house, repository)


# --- Clocks ----------------------------------------------------------------------------------------------------------


def test_clock_of_1970(house: House, repository: SignedRepository) -> None:
    house.wall.ms = 3600_000
    assert "the clock says 1970-01-01" in refusal(house, repository, UpdateClockWrong)


def test_clock_ten_years_early(house: House, repository: SignedRepository, monkeypatch: pytest.MonkeyPatch) -> None:
    """To such a clock everything has expired."""

    class Early(datetime):
        @classmethod
        def now(cls, tz: tzinfo | None = None) -> "Early":
            return cls.fromtimestamp(datetime.now(UTC).timestamp() + 10 * YEAR_MS / 1000, tz)

    house.wall.ms += 10 * YEAR_MS
    module = SimpleNamespace(datetime=Early, timezone=timezone)
    monkeypatch.setattr("tuf.ngclient._internal.trusted_metadata_set.datetime", module)
    line = refusal(house, repository)
    assert "expired" in line and "it is 2036-" in line and "if the clock is right" in line
    monkeypatch.undo()
    house.wall.ms -= 10 * YEAR_MS
    assert house.install(repository.folder).word == "committed"


def test_a_clock_that_went_back(house: House, repository: SignedRepository) -> None:
    house.install(repository.folder)
    house.wall.ms -= YEAR_MS
    with pytest.raises(UpdateClockWrong, match="cannot be before"):
        house.install(repository.folder)


def test_a_release_from_the_future(house: House, repository: SignedRepository) -> None:
    repository.release("0.2.0", 2, built_at="2030-01-01T00:00:00Z")
    repository.publish()
    assert "the clock here is before that" in refusal(house, repository, UpdateClockWrong)


# --- Any byte of anything that is read -------------------------------------------------------------------------------


class Reader(FolderSource):
    """Notes every file that an install reads."""

    def __init__(self) -> None:
        self.read: list[str] = []

    @contextmanager
    def open(self, url: str, start: int) -> Iterator[Stream]:
        with super().open(url, start) as stream:
            self.read.append(name_of(url))
            yield stream


def damages() -> dict[str, Callable[[bytes], bytes]]:
    def flipped(where: float) -> Callable[[bytes], bytes]:
        def flip(data: bytes) -> bytes:
            at = min(len(data) - 1, int(len(data) * where))
            return data[:at] + bytes([data[at] ^ 1]) + data[at + 1 :]

        return flip

    return {
        "first byte": flipped(0.0),
        "a byte in the middle": flipped(0.5),
        "last byte": flipped(1.0),
        "truncated": lambda data: data[:-1],
        "empty": lambda data: b"",
        "longer": lambda data: data + b"\n",
        "garbage": lambda data: b"\xff" * len(data),
    }


@pytest.mark.parametrize("damage", damages().values(), ids=damages().keys())
def test_a_change_in_any_file_that_is_read_is_refused_by_name(
    tmp_path: Path, repository: SignedRepository, damage: Callable[[bytes], bytes]
) -> None:
    repository.release("0.2.0", 2, deploy={"systemd/packshotd.service": b"[Service]\n"})
    repository.publish()
    reader = Reader()
    healthy = House(tmp_path / "healthy")
    healthy.lay("0.1.0")
    healthy.trust(repository.anchor)
    healthy.install(lambda: healthy.repository(repository.folder, reader))
    assert len(reader.read) >= 8
    for number, name in enumerate(sorted(set(reader.read))):
        path = repository.folder / name
        whole = path.read_bytes()
        path.write_bytes(damage(whole))
        house = House(tmp_path / f"box-{number}")
        house.lay("0.1.0")
        house.trust(repository.anchor)
        if name.startswith("metadata/") and damage(whole).strip() == whole.strip():
            continue  # white space at the end of JSON is not signed and says nothing
        with pytest.raises((UpdateRefused, UpdateUnreachable)) as caught:
            house.install(repository.folder)
        assert name.rpartition("/")[2].partition(".")[2].encode() in str(caught.value).encode(), (name, caught.value)
        assert house.runs == house.points_to == "0.1.0"
        path.write_bytes(whole)
        assert house.install(repository.folder).word == "committed"


def test_a_change_elsewhere_alters_nothing(tmp_path: Path, house: House, repository: SignedRepository) -> None:
    repository.release("0.2.0", 2, platform="aarch64-cp311", wheels={"arm-1-py3-none-any.whl": b"arm"})
    repository.publish()
    reader = Reader()
    house.install(lambda: house.repository(repository.folder, reader))
    slot = house.layout.releases / "0.2.0"
    installed = {path: path.read_bytes() for path in slot.rglob("*") if path.is_file()}
    other = House(tmp_path / "other")
    other.lay("0.1.0")
    other.trust(repository.anchor)
    for path in repository.folder.rglob("*"):
        if path.is_file() and str(path.relative_to(repository.folder)) not in reader.read:
            path.write_bytes(b"something else")
    assert other.install(repository.folder).word == "committed"
    for path, data in installed.items():
        assert (other.layout.releases / "0.2.0" / path.relative_to(slot)).read_bytes() == data


def test_what_was_fetched_is_held_against_the_signature_again(house: House, repository: SignedRepository) -> None:
    """A download damaged on the card between two attempts is fetched anew."""
    house.capturing = True
    with pytest.raises(PackshotError):
        house.install(repository.folder)
    shutil.rmtree(house.layout.releases / "0.2.0")
    wheel = next(house.layout.downloads.rglob("packshot-*.whl"))
    wheel.write_bytes(b"rot")
    house.capturing = False
    assert house.install(repository.folder).word == "committed"
    assert (house.layout.releases / "0.2.0/bin/packshot").read_bytes().startswith(b"the wheel of 0.2.0")


def test_canaries_and_rings_are_signed(house: House, repository: SignedRepository) -> None:
    repository.release("0.2.0", 2, rollout=Rollout())
    repository.publish()
    channel = repository.stored("channels/stable.json")
    channel.write_bytes(channel.read_bytes().replace(b'"percent": 0', b'"percent": 9'))
    assert "stable.json" in refusal(house, repository)
