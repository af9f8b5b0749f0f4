"""A key ceremony in a folder, a repository made with it, and a client that reads it as a box does."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from tuf.ngclient import FetcherInterface, Updater

from tools.releasing.keys import ALL_KEYS, Keyring, make_key
from tools.releasing.repository import Store
from tools.releasing.roots import Ceremony


class FolderFetcher(FetcherInterface):
    """What a static web server would answer."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def _fetch(self, url: str) -> Iterator[bytes]:
        from tuf.api.exceptions import DownloadHTTPError

        path = self.folder / url.removeprefix("http://repository/")
        if not path.is_file():
            raise DownloadHTTPError(f"{url} is not there", 404)
        yield path.read_bytes()


class Box:
    """A TUF client that trusts the first root it was given."""

    def __init__(self, folder: Path, repository: Path) -> None:
        self.folder, self.repository = folder, repository
        (folder / "metadata").mkdir(parents=True)
        (folder / "targets").mkdir()
        self.first_root = (repository / "metadata" / "1.root.json").read_bytes()

    def updater(self) -> Updater:
        updater = Updater(
            str(self.folder / "metadata"),
            "http://repository/metadata/",
            str(self.folder / "targets"),
            "http://repository/targets/",
            fetcher=FolderFetcher(self.repository),
            bootstrap=self.first_root,
        )
        updater.refresh()
        return updater

    def get(self, name: str) -> bytes:
        updater = self.updater()
        info = updater.get_targetinfo(name)
        assert info is not None, f"{name} is not listed"
        return Path(updater.download_target(info)).read_bytes()


class Calendar:
    """A clock that is set by hand."""

    def __init__(self) -> None:
        self.time = datetime.now(UTC).replace(microsecond=0)

    def __call__(self) -> datetime:
        return self.time

    def later(self, days: float) -> None:
        self.time += timedelta(days=days)


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("keys")
    for name in ALL_KEYS:
        make_key(folder, name)
    return folder


@pytest.fixture
def calendar() -> Calendar:
    return Calendar()


@pytest.fixture
def store(tmp_path: Path, keys: Path, calendar: Calendar) -> Store:
    made = Store(tmp_path / "repository", Keyring((keys,)), calendar)
    assert Ceremony(made).begin()
    made.begin()
    return made


@pytest.fixture
def box(tmp_path: Path, store: Store) -> Box:
    return Box(tmp_path / "box", store.folder)
