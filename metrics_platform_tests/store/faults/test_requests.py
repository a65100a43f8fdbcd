"""Whatever goes wrong with one request to the object store, who uses it does not notice."""

import os
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path

import polars as pl
import pytest

from metrics_platform.store.objects import ObjectRoot
from metrics_platform.store.reads import scan_files
from metrics_platform_tests.store.faults.proxy import FAULTS, faulty_proxy

ROWS = pl.DataFrame({"log_id": ["a"] * 50_000, "row": range(50_000)})


@pytest.fixture
def script() -> list[str | None]:
    """What goes wrong with the next requests, in turn; the test fills it."""
    return []


@pytest.fixture
def objects(
    s3_root: str, script: list[str], monkeypatch: pytest.MonkeyPatch
) -> Iterator[ObjectRoot]:
    """An object root of which the requests of `script` go wrong; it holds one file of rows."""

    buffer = BytesIO()
    ROWS.write_parquet(buffer)

    def draw(method: str) -> str | None:
        return script.pop(0) if script else None

    with faulty_proxy(os.environ["AWS_ENDPOINT_URL"], draw) as (address, _):
        monkeypatch.setenv("AWS_ENDPOINT_URL", address)
        opened = ObjectRoot.open(s3_root)
        opened.put("log/rows.parquet", buffer.getvalue())
        yield opened


def put(objects: ObjectRoot, folder: Path) -> None:
    objects.put("log/new", b"content")
    assert objects.get("log/new") == b"content"


def get(objects: ObjectRoot, folder: Path) -> None:
    assert objects.get("log/rows.parquet")[:4] == b"PAR1"


def download(objects: ObjectRoot, folder: Path) -> None:
    (file,) = objects.download("log/rows.parquet", folder)
    assert pl.read_parquet(file).equals(ROWS)


def list_all(objects: ObjectRoot, folder: Path) -> None:
    assert [[i.path for i in page] for page in objects.pages("log")] == [["log/rows.parquet"]]


def delete(objects: ObjectRoot, folder: Path) -> None:
    objects.delete(["log/rows.parquet"])
    assert list(objects.pages("log")) == []


def scan(objects: ObjectRoot, folder: Path) -> None:
    assert scan_files(objects, ["log/rows.parquet"]).collect().equals(ROWS)


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize(
    ("what", "number"),
    [
        (put, 1), (get, 1), (list_all, 1), (delete, 1),
        (download, 1), (download, 2),  # a listing, and then the object
        (scan, 1), (scan, 2), (scan, 3),
    ],
)  # fmt: skip
def test_one_request_may_go_wrong(
    objects: ObjectRoot,
    script: list[str | None],
    tmp_path: Path,
    what: Callable[[ObjectRoot, Path], None],
    number: int,
    fault: str,
) -> None:
    script += [*[None] * (number - 1), fault]

    what(objects, tmp_path)

    assert script == []
