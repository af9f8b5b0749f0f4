"""A network camera: an HTTP MJPEG stream on loopback whose pictures carry their own number.

    with MjpegServer() as server:
        camera = OpenCVCamera(server.url)
        ...
        server.produced_at[number_in(picture)]   # monotonic time at which that picture was made

``freeze`` keeps the connection and sends nothing more; ``stop`` drops it; ``start`` serves again on the same port.
"""

import socket
import threading
import time
from collections import deque
from contextlib import suppress
from typing import Self

import cv2
import numpy as np

BITS = 16
CELL = 40
HEAD = b"HTTP/1.0 200 OK\r\nContent-Type: multipart/x-mixed-replace; boundary=frame\r\n\r\n"


def stamped(number: int) -> np.ndarray:
    """A (160, 320, 3) red BGR picture that shows ``number`` as two rows of eight black or white squares."""
    picture = np.full((4 * CELL, 8 * CELL, 3), (40, 60, 200), np.uint8)
    for bit in range(BITS):
        row, column = divmod(bit, 8)
        cell = picture[row * 2 * CELL : (row * 2 + 1) * CELL, column * CELL : (column + 1) * CELL]
        cell[:] = 255 if number >> bit & 1 else 0
    return picture


def number_in(picture: np.ndarray) -> int:
    """The number that ``stamped`` put into a picture, also after JPEG."""
    centres = [(bit // 8 * 2 * CELL + CELL // 2, bit % 8 * CELL + CELL // 2) for bit in range(BITS)]
    return sum(int(picture[y, x].mean() > 128) << bit for bit, (y, x) in enumerate(centres))


class MjpegServer:
    """Serves one stream to any number of clients. ``delay_s`` holds pictures back, as slow cameras do."""

    def __init__(self, fps: float = 25.0, delay_s: float = 0.0) -> None:
        self.produced_at: dict[int, float] = {}
        self._period_s = 1 / fps
        self._delay_s = delay_s
        self._frozen = threading.Event()
        self._running = threading.Event()
        self._sockets: list[socket.socket] = []
        self._threads: list[threading.Thread] = []
        self._next = 1
        self._lock = threading.Lock()
        self._port = 0
        self.start()

    @property
    def url(self) -> str:
        """Where the stream is."""
        return f"http://127.0.0.1:{self._port}/stream.mjpg"

    def start(self) -> None:
        """Listen, after ``stop`` on the same port."""
        listener = socket.socket()
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(("127.0.0.1", self._port))
        listener.listen()
        self._port = listener.getsockname()[1]
        self._sockets.append(listener)
        self._frozen.clear()
        self._running.set()
        self._spawn(self._accept, listener)

    def freeze(self) -> None:
        """Keep connections open and send nothing more."""
        self._frozen.set()

    def stop(self) -> None:
        """Drop all connections and refuse new ones."""
        self._running.clear()
        for item in self._sockets:
            with suppress(OSError):  # was never connected, or the client has gone
                item.shutdown(socket.SHUT_RDWR)
            item.close()
        for thread in self._threads:
            thread.join()
        self._sockets, self._threads = [], []

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()

    def _spawn(self, work, argument: socket.socket) -> None:
        thread = threading.Thread(target=work, args=(argument,), daemon=True)
        self._threads.append(thread)
        thread.start()

    def _accept(self, listener: socket.socket) -> None:
        while self._running.is_set():
            try:
                client, _ = listener.accept()
            except OSError:
                return
            self._sockets.append(client)
            self._spawn(self._serve, client)

    def _serve(self, client: socket.socket) -> None:
        held: deque[tuple[float, bytes]] = deque()
        try:
            client.recv(4096)
            client.sendall(HEAD)
            while self._running.is_set():
                if not self._frozen.is_set():
                    held.append((time.monotonic() + self._delay_s, self._make()))
                    while held and held[0][0] <= time.monotonic():
                        client.sendall(held.popleft()[1])
                time.sleep(self._period_s)
        except OSError:
            pass  # the client has gone

    def _make(self) -> bytes:
        with self._lock:
            number, self._next = self._next, self._next + 1
        self.produced_at[number] = time.monotonic()
        data = cv2.imencode(".jpg", stamped(number))[1].tobytes()
        return b"--frame\r\nContent-Type: image/jpeg\r\nContent-Length: %d\r\n\r\n%s\r\n" % (len(data), data)
