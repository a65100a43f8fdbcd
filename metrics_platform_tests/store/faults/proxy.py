"""An HTTP server in front of another one, through which one request in ten goes wrong."""

import http.client
import os
import random
import socket
import struct
import threading
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import urlsplit

FAULTS = (
    "500",
    "503",
    "reset before",  # the request never arrives
    "reset after",  # it is carried out, and the answer is lost
    "cut off",  # the body of the answer ends too early
)
_SLOW_DOWN = b"<Error><Code>SlowDown</Code><Message>Please reduce your rate.</Message></Error>"
_NOT_PASSED_ON = {"connection", "transfer-encoding", "content-length", "keep-alive"}

Draw = Callable[[str], str | None]
"""Says of each request in turn what goes wrong with it, if anything; it is told the method."""


def one_in(count: int, seed: int = 0) -> Draw:
    """Let one in each `count` requests of a method go wrong, in whatever way."""
    rng = random.Random(seed)
    ahead: defaultdict[str, list[str | None]] = defaultdict(list)

    def draw(method: str) -> str | None:
        if not ahead[method]:
            ahead[method] = [rng.choice(FAULTS), *[None] * (count - 1)]
            rng.shuffle(ahead[method])
        return ahead[method].pop()

    return draw


@contextmanager
def faulty_proxy(address: str, draw: Draw) -> Iterator[tuple[str, Counter[str]]]:
    """Yield the address of a proxy in front of `address`, and what has happened by method."""
    seen = Counter[str]()
    lock = threading.Lock()

    def drawn(method: str) -> str | None:
        with lock:
            fault = draw(method)
            seen[f"{method} {fault or 'passed'}"] += 1
        return fault

    class Handler(_Proxy):
        behind = urlsplit(address).netloc
        fault_of = staticmethod(drawn)

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_address[1]}", seen
    finally:
        server.shutdown()
        thread.join()
        server.server_close()


class _Proxy(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    behind = ""

    @staticmethod
    def fault_of(method: str) -> str | None:
        raise NotImplementedError

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.fault_of(self.command)
        if fault in ("500", "503"):
            self._answer(int(fault), {}, _SLOW_DOWN if fault == "503" else b"")
        elif fault == "reset before":
            self._reset()
        else:
            self._pass_on(body, fault)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _pass_on(self, body: bytes, fault: str | None) -> None:
        connection = http.client.HTTPConnection(self.behind)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        headers = {k: v for k, v in answer.getheaders() if k.lower() not in _NOT_PASSED_ON}
        length = int(answer.getheader("Content-Length") or len(content))
        if fault == "cut off" and content:
            self._answer(answer.status, headers, content[: len(content) // 2], length)
            self.close_connection = True
        elif fault is not None:
            self._reset()
        else:
            self._answer(answer.status, headers, content, length)

    def _answer(
        self, status: int, headers: dict[str, str], content: bytes, length: int | None = None
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content)

    def _reset(self) -> None:
        """Close so that the other side sees a connection that broke: RST, and not FIN."""
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        os.close(self.connection.detach())
        self.close_connection = True
