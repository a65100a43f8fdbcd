"""An HTTP server in front of another one, through which one request in ten goes wrong."""

import http.client
import random
import socket
import struct
import threading
from collections import Counter
from collections.abc import Iterator
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
_SLOW_DOWN = (
    b"<Error><Code>SlowDown</Code><Message>Please reduce your request rate.</Message></Error>"
)
_HOP_BY_HOP = {"connection", "transfer-encoding", "content-length", "keep-alive"}
# Closing sends RST and not FIN: the other side sees a connection that broke.
_RESET = struct.pack("ii", 1, 0)


@contextmanager
def faulty_proxy(address: str, *, one_in: int, seed: int = 0) -> Iterator[tuple[str, Counter[str]]]:
    """Yield the address of a proxy in front of `address`, and how often what went wrong.

    Args:
        address: `http://host:port`.
        one_in: Of so many requests one goes wrong; in which way is drawn.
        seed: Of the drawing.
    """
    rng, seen = random.Random(seed), Counter[str]()
    lock = threading.Lock()
    behind = urlsplit(address).netloc

    def drawn(method: str) -> str | None:
        with lock:
            fault = rng.choice(FAULTS) if rng.randrange(one_in) == 0 else None
            seen[f"{method} {fault or 'passed'}"] += 1
        return fault

    class Handler(_Proxy):
        server_behind = behind
        draw = staticmethod(drawn)

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
    server_behind = ""

    @staticmethod
    def draw(method: str) -> str | None:
        raise NotImplementedError

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("Content-Length", 0)))
        fault = self.draw(self.command)
        if fault == "reset before":
            self._reset()
        elif fault in ("500", "503"):
            self._answer(int(fault), {}, _SLOW_DOWN if fault == "503" else b"")
        else:
            self._pass_on(body, fault)

    do_HEAD = do_PUT = do_POST = do_DELETE = do_GET

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _pass_on(self, body: bytes, fault: str | None) -> None:
        connection = http.client.HTTPConnection(self.server_behind)
        try:
            connection.request(self.command, self.path, body, dict(self.headers))
            answer = connection.getresponse()
            content = answer.read()
        finally:
            connection.close()
        headers = {k: v for k, v in answer.getheaders() if k.lower() not in _HOP_BY_HOP}
        length = int(answer.getheader("Content-Length") or len(content))
        if fault == "reset after":
            self._reset()
        elif fault == "cut off":
            self._answer(answer.status, headers, content, length, missing=len(content) // 2 + 1)
        else:
            self._answer(answer.status, headers, content, length)

    def _answer(
        self,
        status: int,
        headers: dict[str, str],
        content: bytes,
        length: int | None = None,
        missing: int = 0,
    ) -> None:
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(content) if length is None else length))
        self.end_headers()
        self.wfile.write(content[: max(0, len(content) - missing)])
        if missing:
            self._reset()

    def _reset(self) -> None:
        self.wfile.flush()
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, _RESET)
        self.connection.close()
        self.close_connection = True
