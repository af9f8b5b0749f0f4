"""What networks do to downloads: they break off, stall, lie, and sit behind a login page."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from packshot.update.problems import UpdateRefused, UpdateUnreachable
from packshot.update.sources import HttpSource
from tests.update.house import IMPATIENT, House
from tests.update.server import LOGIN_PAGE, Server
from tests.update.signing import SignedRepository

BIG = bytes(range(256)) * 2000


@pytest.fixture
def server(repository: SignedRepository) -> Iterator[Server]:
    repository.release("0.2.0", 2, wheels={"packshot-{version}-py3-none-any.whl": BIG})
    repository.publish()
    with Server(repository.folder) as running:
        yield running


def refused(house: House, server: Server, match: str) -> None:
    with pytest.raises((UpdateRefused, UpdateUnreachable), match=match) as caught:
        house.install(server.url)
    assert "\n" not in str(caught.value)
    assert house.runs == "0.1.0"


def test_an_update_over_http(house: House, server: Server) -> None:
    assert house.install(server.url).word == "committed"


@pytest.mark.parametrize("percent", [1, 50, 99])
def test_a_connection_that_breaks_off_is_taken_up_where_it_broke(house: House, server: Server, percent: int) -> None:
    cut = len(BIG) * percent // 100
    server.cut_at[".whl"] = cut
    refused(house, server, "broke off")
    assert house.install(server.url).word == "committed"
    assert [start for path, start in server.log if path.endswith(".whl")] == [0, cut]


def test_a_server_without_ranges_sends_all_of_it_again(house: House, server: Server) -> None:
    server.cut_at[".whl"] = 1000
    refused(house, server, "broke off")
    server.ranges = False
    assert house.install(server.url).word == "committed"


def test_a_damaged_rest_of_an_earlier_attempt_is_fetched_anew(house: House, server: Server) -> None:
    server.cut_at[".whl"] = 1000
    refused(house, server, "broke off")
    (partial,) = house.layout.downloads.glob("*.part")
    partial.write_bytes(b"\0" * 1000)
    assert house.install(server.url).word == "committed"


@pytest.mark.parametrize("name", ["timestamp.json", "2.snapshot.json", "2.targets.json"])
def test_metadata_that_breaks_off_is_the_networks_fault(house: House, server: Server, name: str) -> None:
    server.cut_at[name] = 20
    refused(house, server, f"{name}: the connection broke off")
    assert house.install(server.url).word == "committed"


def test_a_login_page_instead_of_everything(house: House, server: Server) -> None:
    server.pages[""] = LOGIN_PAGE
    refused(house, server, "login page")
    server.pages.clear()
    assert house.install(server.url).word == "committed"


def test_a_login_page_in_the_middle_of_a_download(house: House, server: Server) -> None:
    server.cut_at[".whl"] = 1000
    refused(house, server, "broke off")
    server.pages[".whl"] = LOGIN_PAGE
    refused(house, server, r"\.whl: ")
    server.pages.clear()
    assert house.install(server.url).word == "committed"


@pytest.mark.parametrize("name", ["timestamp.json", "stable.json", ".whl"])
def test_garbage(house: House, server: Server, name: str) -> None:
    server.pages[name] = bytes(range(256)) * 50
    refused(house, server, name)


@pytest.mark.parametrize("name", ["2.root.json", "timestamp.json", "2.targets.json", "stable.json", ".whl"])
def test_endless_data(house: House, server: Server, name: str) -> None:
    server.endless.add(name)
    server.pages[name] = b"{"
    refused(house, server, f"{name}: longer than")
    assert sum(path.stat().st_size for path in house.layout.downloads.rglob("*") if path.is_file()) < 2 * len(BIG)


@pytest.mark.parametrize("length", ["many", "2, 2", "1e3", "-1", pytest.param("9" * 5000, id="5000 digits")])
def test_a_length_that_is_no_number_counts_for_nothing(house: House, server: Server, length: str) -> None:
    server.length = length
    assert house.install(server.url).word == "committed"


def test_slow_retrieval(house: House, server: Server) -> None:
    server.drip_s = 0.02
    refused(house, server, "only .* bytes came in")


@pytest.mark.parametrize("code", [401, 403, 500, 503, 511])
def test_a_server_that_refuses(house: House, server: Server, code: int) -> None:
    server.status["timestamp.json"] = code
    refused(house, server, f"timestamp.json: the server answered {code}")


def test_a_server_that_is_not_there(house: House) -> None:
    with pytest.raises(UpdateUnreachable, match="cannot be reached"):
        house.install("http://127.0.0.1:9/packshot")


def test_a_file_that_is_missing(house: House, server: Server, repository: SignedRepository) -> None:
    next(repository.folder.rglob("*.whl")).unlink()
    refused(house, server, r"\.whl: the server answered 404")


def test_a_token_is_sent_where_one_is_configured(house: House, server: Server, tmp_path: Path) -> None:
    server.token = "secret"
    refused(house, server, "answered 401")
    (tmp_path / "token").write_text("secret\n")
    source = HttpSource(token_file=tmp_path / "token", patience=IMPATIENT)
    assert house.install(lambda: house.repository(server.url, source)).word == "committed"


def test_only_http_is_asked(house: House) -> None:
    with pytest.raises(UpdateUnreachable, match="no http or https address"):
        house.install("ftp://example.net/packshot")
