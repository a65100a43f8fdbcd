"""Whatever goes wrong with one request to the object store, who uses it does not notice."""

import uuid
from collections.abc import Callable, Iterator
from io import BytesIO
from pathlib import Path
from urllib.request import Request, urlopen

import polars as pl
import pytest

from metrics_platform.store.objects import ObjectRoot
from metrics_platform.store.reads import scan_files
from metrics_platform_tests.store.faults.proxy import FAULTS, faulty_proxy

ROWS = pl.DataFrame({"log_id": ["a"] * 300_000, "row": pl.Series(range(300_000)).hash()})


_script: list[str | None] = []


@pytest.fixture(scope="module")
def root_and_proxy(_s3: str) -> Iterator[tuple[str, str]]:
    """A root and the proxy to reach it.

    They are the same for all tests of the module, and of no others: Polars remembers by which
    address it has reached a bucket.
    """
    with faulty_proxy(_s3, lambda method: _script.pop(0) if _script else None) as (address, _):
        bucket = f"faults-{uuid.uuid4().hex}"
        with urlopen(Request(f"{address}/{bucket}", method="PUT")):
            yield f"s3://{bucket}/root", address


@pytest.fixture
def objects(
    root_and_proxy: tuple[str, str], s3_root: str, monkeypatch: pytest.MonkeyPatch
) -> ObjectRoot:
    """An object root of which the requests of `_script` go wrong; it holds one file of rows."""
    root, address = root_and_proxy
    monkeypatch.setenv("AWS_ENDPOINT_URL", address)
    opened = ObjectRoot.open(f"{root}/{uuid.uuid4().hex}")
    buffer = BytesIO()
    ROWS.write_parquet(buffer)
    opened.put("log/rows.parquet", buffer.getvalue())
    return opened


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
    tmp_path: Path,
    what: Callable[[ObjectRoot, Path], None],
    number: int,
    fault: str,
) -> None:
    _script[:] = [*[None] * (number - 1), fault]

    what(objects, tmp_path)

    assert _script == []


@pytest.mark.parametrize("what", [put, get, list_all, delete, scan])
def test_so_may_those_that_repeat_it(
    objects: ObjectRoot, tmp_path: Path, what: Callable[[ObjectRoot, Path], None]
) -> None:
    _script[:] = ["500", "reset after", "cut off", "503", "reset before"]

    what(objects, tmp_path)

    assert _script == []
