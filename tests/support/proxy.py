"""A TCP proxy on loopback that makes a good network bad: slow, cut every few seconds, gone for a while.

with Proxy(broker.port, bytes_per_s=125_000, cut_every_s=3) as proxy:
bus = MqttBus(broker.settings("box", port=proxy.port))
"""

import contextlib
import random
import select
import socket
import threading
import time
from typing import Self

CHUNK = 16 * 1024


class Proxy:
    """Forwards connections to a port. ``cut`` drops all of them; while ``blocked`` new ones are refused at once."""

    def __init__(
        self, to_port: int, bytes_per_s: float | None = None, cut_every_s: float | None = None, seed: int = 1
    ) -> None:
        self._to_port = to_port
        self._bytes_per_s = bytes_per_s
        self._cut_every_s = cut_every_s
        self._random = random.Random(seed)
        self._listener = socket.create_server(("127.0.0.1", 0))
        self._pairs: set[tuple[socket.socket, socket.socket]] = set()
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self.blocked = False
        self.cuts = 0
        self.carried = [0, 0]  # bytes to the server, bytes from it
        self.port: int = self._listener.getsockname()[1]

    def __enter__(self) -> Self:
        threading.Thread(target=self._accept, daemon=True).start()
        if self._cut_every_s:
            threading.Thread(target=self._cut_now_and_then, daemon=True).start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._listener.close()
        self.cut()

    def cut(self) -> None:
        """Drop every connection, without a goodbye."""
        with self._lock:
            pairs, self._pairs = self._pairs, set()
        for pair in pairs:
            for each in pair:
                _close(each)
        self.cuts += bool(pairs)

    def _cut_now_and_then(self) -> None:
        assert self._cut_every_s is not None
        while not self._stop.wait(self._cut_every_s * self._random.uniform(0.5, 1.5)):
            self.cut()

    def _accept(self) -> None:
        while not self._stop.is_set():
            try:
                near, _ = self._listener.accept()
            except OSError:
                return
            if self.blocked:
                _close(near)
                continue
            try:
                far = socket.create_connection(("127.0.0.1", self._to_port), 5)
            except OSError:
                _close(near)
                continue
            with self._lock:
                self._pairs.add((near, far))
            for way, (source, sink) in enumerate(((near, far), (far, near))):
                threading.Thread(target=self._pump, args=(source, sink, way), daemon=True).start()

    def _pump(self, source: socket.socket, sink: socket.socket, way: int) -> None:
        try:
            while not self._stop.is_set():
                readable, _, _ = select.select([source], [], [], 0.5)
                if not readable:
                    continue
                data = source.recv(CHUNK)
                if not data:
                    break
                sink.sendall(data)
                self.carried[way] += len(data)
                if self._bytes_per_s:
                    time.sleep(len(data) / self._bytes_per_s)
        except (OSError, ValueError):
            pass
        finally:
            _close(source)
            _close(sink)


def _close(each: socket.socket) -> None:
    with contextlib.suppress(OSError):
        each.shutdown(socket.SHUT_RDWR)
    each.close()
