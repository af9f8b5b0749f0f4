"""News for the pages: nobody is waited for, and whoever falls behind is told so."""

import asyncio
import threading

import pytest

from packshot.kiosk.hub import QUEUE, Hub
from tests.support.scenes import play


async def read(hub: Hub, count: int) -> list[bytes]:
    stream = hub.stream(b"first")
    heard = [await anext(stream) for _ in range(count)]
    await stream.aclose()  # type: ignore[attr-defined]
    return heard


def test_every_page_hears_what_is_posted_from_any_thread() -> None:
    async def scene() -> list[list[bytes]]:
        hub = Hub()
        hub.start(asyncio.get_running_loop())
        pages = [asyncio.create_task(read(hub, 2)) for _ in range(3)]
        await asyncio.sleep(0.1)
        threading.Thread(target=hub.post, args=("capture", {"id": "x"})).start()
        return list(await asyncio.gather(*pages))

    for first, news in play(scene):
        assert first == b"retry: 1000\n\nfirst"
        assert news == b'event: capture\ndata: {"id":"x"}\n\n'


def test_a_page_that_does_not_read_is_told_to_look_anew_and_costs_bounded_memory() -> None:
    async def scene() -> list[bytes]:
        hub = Hub()
        hub.start(asyncio.get_running_loop())
        stream = hub.stream(b"")
        await anext(stream)
        for number in range(10 * QUEUE):
            hub.post("state", {"number": number})
        await asyncio.sleep(0.1)
        heard = []
        while b'"number":639' not in b"".join(heard):
            heard.append(await anext(stream))
        return heard

    heard = play(scene)
    assert len(heard) <= QUEUE + 1
    assert heard[0] == b"event: resync\ndata: {}\n\n"


def test_where_nothing_happens_the_page_hears_that_the_box_is_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("packshot.kiosk.hub.KEEP_ALIVE_S", 0.01)

    async def scene() -> list[bytes]:
        hub = Hub()
        hub.start(asyncio.get_running_loop())
        return await read(hub, 3)

    assert play(scene)[1:] == [b"event: alive\ndata: {}\n\n"] * 2


def test_closing_ends_every_stream() -> None:
    async def scene() -> list[bytes]:
        hub = Hub()
        hub.start(asyncio.get_running_loop())
        page = asyncio.create_task(read_all(hub))
        await asyncio.sleep(0.1)
        threading.Thread(target=hub.close).start()
        return await asyncio.wait_for(page, 10)

    assert play(scene) == [b"retry: 1000\n\n"]


async def read_all(hub: Hub) -> list[bytes]:
    return [item async for item in hub.stream(b"")]


def test_before_and_after_its_time_posting_does_nothing() -> None:
    hub = Hub()
    hub.post("state", {})

    async def scene() -> None:
        hub.start(asyncio.get_running_loop())

    play(scene)
    hub.post("state", {})
    hub.close()
