"""An S3 server and a Google Cloud Storage server on this machine."""

import http.client
import json
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from email.utils import format_datetime
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, quote, unquote, urlsplit
from xml.sax.saxutils import escape

BUCKET = "metrics"


@contextmanager
def s3_server() -> Iterator[str]:
    """Yield the endpoint of moto's S3 server, with an empty bucket."""
    port = _free_port()
    with _process([sys.executable, "-m", "moto.server", "-H", "127.0.0.1", "-p", str(port)], port):
        _request(port, "PUT", f"/{BUCKET}")
        yield f"http://127.0.0.1:{port}"


@contextmanager
def gcs_server() -> Iterator[str]:
    """Yield the address of a GCS emulator, with an empty bucket.

    gcp-storage-emulator sends no ETag and cannot list through the XML interface, and the client
    in Polars and obstore needs both: what stands in front of it adds them.
    """
    port = _free_port()
    start = [sys.executable, "-m", "gcp_storage_emulator", "start", "--host", "127.0.0.1"]
    with _process([*start, "--port", str(port), "--in-memory", "--default-bucket", BUCKET], port):

        class Handler(_GoogleFront):
            behind = port

        server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        thread = threading.Thread(target=server.serve_forever, args=[0.05], daemon=True)
        thread.start()
        yield f"http://127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
        server.server_close()


def google_key(address: str) -> str:
    """Return the service account key that leads the client to `address`."""
    return json.dumps(
        {
            "gcs_base_url": address,
            "disable_oauth": True,
            "client_email": "",
            "private_key": "",
            "private_key_id": "",
        }
    )


class _GoogleFront(BaseHTTPRequestHandler):
    behind = 0

    def do_GET(self) -> None:
        address = urlsplit(self.path)
        query = parse_qs(address.query)
        if "list-type" in query:
            self._list(address.path.strip("/"), query)
        else:
            self._object(address.path, whole=True)

    def do_HEAD(self) -> None:
        self._object(urlsplit(self.path).path, whole=False)

    def do_PUT(self) -> None:
        length = int(self.headers.get("Content-Length", 0))
        status, _, _ = _request(
            self.behind, "PUT", urlsplit(self.path).path, self.rfile.read(length)
        )
        self._answer(status, b"", {"ETag": _etag(self._known(urlsplit(self.path).path))})

    def do_DELETE(self) -> None:
        status, _, _ = _request(self.behind, "DELETE", _json_path(urlsplit(self.path).path))
        self._answer(status, b"")

    def log_message(self, format: str, *args: Any) -> None:
        pass

    def _known(self, path: str) -> dict[str, Any] | None:
        status, _, body = _request(self.behind, "GET", _json_path(path))
        found: dict[str, Any] | None = json.loads(body) if status == 200 else None
        return found

    def _object(self, path: str, *, whole: bool) -> None:
        known = self._known(path)
        if known is None:
            self._answer(404, b"")
            return
        modified = datetime.fromisoformat(known["updated"])
        headers = {"ETag": _etag(known), "Last-Modified": format_datetime(modified, usegmt=True)}
        if not whole:
            self._answer(200, b"", headers, length=int(known["size"]))
            return
        passed = {"Range": self.headers["Range"]} if "Range" in self.headers else {}
        status, found, body = _request(self.behind, "GET", path, headers=passed)
        if "Content-Range" in found:
            headers["Content-Range"] = found["Content-Range"]
        self._answer(status, body, headers)

    def _list(self, bucket: str, query: dict[str, list[str]]) -> None:
        prefix = query.get("prefix", [""])[0]
        after = query.get("continuation-token", query.get("start-after", [""]))[0]
        most = int(query.get("max-keys", ["1000"])[0])
        status, _, body = _request(
            self.behind, "GET", f"/storage/v1/b/{bucket}/o?prefix={quote(prefix, safe='')}"
        )
        items = json.loads(body).get("items", []) if status == 200 else []
        items = sorted((i for i in items if i["name"] > after), key=lambda item: item["name"])
        page = items[:most]
        entries = "".join(
            f"<Contents><Key>{escape(item['name'])}</Key><Size>{item['size']}</Size>"
            f"<LastModified>{item['updated']}</LastModified><ETag>{_etag(item)}</ETag></Contents>"
            for item in page
        )
        if len(items) > most:
            token = escape(page[-1]["name"])
            entries += f"<NextContinuationToken>{token}</NextContinuationToken>"
        self._answer(status, f"<ListBucketResult>{entries}</ListBucketResult>".encode())

    def _answer(
        self,
        status: int,
        body: bytes,
        headers: dict[str, str] | None = None,
        *,
        length: int | None = None,
    ) -> None:
        self.send_response(status)
        for name, value in (headers or {}).items():
            self.send_header(name, value)
        self.send_header("Content-Length", str(len(body) if length is None else length))
        self.end_headers()
        self.wfile.write(body)


def _json_path(path: str) -> str:
    bucket, _, name = path.strip("/").partition("/")
    return f"/storage/v1/b/{bucket}/o/{quote(unquote(name), safe='')}"


def _etag(known: dict[str, Any] | None) -> str:
    return f'"{known["generation"]}"' if known else '""'


def _request(
    port: int, method: str, path: str, body: bytes = b"", headers: dict[str, str] | None = None
) -> tuple[int, dict[str, str], bytes]:
    connection = http.client.HTTPConnection("127.0.0.1", port)
    try:
        connection.request(method, path, body, headers or {})
        answer = connection.getresponse()
        return answer.status, dict(answer.getheaders()), answer.read()
    finally:
        connection.close()


def _free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port: int = listener.getsockname()[1]
        return port


@contextmanager
def _process(command: Sequence[str], port: int) -> Iterator[None]:
    """Run a server until it is no longer needed; enter once it listens."""
    with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as process:
        try:
            for _ in range(300):
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        break
                time.sleep(0.1)
            else:
                raise TimeoutError(f"{command[2]} does not listen on port {port}")
            yield
        finally:
            process.terminate()
            process.wait()
