import os
from pathlib import Path

import boto3  # type: ignore[import-untyped]
import polars as pl
import pytest
from polars.testing import assert_frame_equal

from metrics_platform.core.errors import StoreError, StoreUnavailableError
from metrics_platform.core.settings import Settings
from metrics_platform.store import ObjectRoot, Store
from metrics_platform_tests.store.builders import HARD_BRAKES, brakes, computed, definition, fleet

ODD_NAMES = [
    "99c94dc769b5d96e|2018-05-01--08-13-53/raw_log.bz2",
    "a=b+c:d@e~f g.mcap",
    "100%25.mcap",
    "größe#1 [x] {y}^.mcap",
]


@pytest.fixture(params=["folder", "s3", "gcs"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> str:
    if request.param == "folder":
        return str(tmp_path / "objects")
    found: str = request.getfixturevalue(f"{request.param}_root")
    return found


@pytest.mark.parametrize("name", ODD_NAMES)
def test_names_come_back_as_they_went(root: str, name: str, tmp_path: Path) -> None:
    objects = ObjectRoot.open(root)
    objects.put(f"inbox/{name}", b"content")

    [[info]] = objects.pages("inbox")

    assert (info.path, info.size_bytes) == (f"inbox/{name}", 7)
    assert info.etag
    assert info.last_modified.tzinfo is not None
    assert objects.get(info.path) == b"content"
    assert objects.download(info.path, tmp_path / "a")[0].read_bytes() == b"content"
    objects.delete([info.path, info.path])
    assert list(objects.pages("inbox")) == []


def test_names_that_others_wrote_into_a_folder_are_found(tmp_path: Path) -> None:
    objects = ObjectRoot.open(str(tmp_path))
    for name in ODD_NAMES:
        (tmp_path / "inbox" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "inbox" / name).write_bytes(name.encode())

    found = {info.path: objects.get(info.path) for page in objects.pages("inbox") for info in page}

    assert found == {f"inbox/{name}": name.encode() for name in ODD_NAMES}


def test_pages_come_in_order_and_go_on_where_one_left_off(root: str) -> None:
    objects = ObjectRoot.open(root)
    names = [f"inbox/{number:02d}.mcap" for number in range(7)]
    for name in reversed(names):
        objects.put(name, b"x")
    objects.put("inboxes/other", b"x")

    pages = [[info.path for info in page] for page in objects.pages("inbox", page_size=3)]
    rest = [info.path for page in objects.pages("inbox", after=names[4]) for info in page]

    assert [name for page in pages for name in page] == names
    assert max(len(page) for page in pages) <= 3
    assert rest == names[5:]


def test_a_folder_is_downloaded_with_its_tree(root: str, tmp_path: Path) -> None:
    objects = ObjectRoot.open(root)
    objects.put("inbox/log/a.feather", b"1")
    objects.put("inbox/log/sensors/b.bin", b"2")
    objects.put("inbox/log-2/c.bin", b"3")

    made = objects.download("inbox/log", tmp_path)

    assert sorted(made) == [tmp_path / "log/a.feather", tmp_path / "log/sensors/b.bin"]


@pytest.mark.parametrize(
    "key", ["log/", "log/sensors/", "log/sensors//b.bin", "log/a\tb", "log/../../evil.mcap"]
)
def test_a_folder_is_downloaded_without_what_no_folder_can_hold(
    s3_root: str, key: str, tmp_path: Path
) -> None:
    objects = ObjectRoot.open(s3_root)
    objects.put("inbox/log/sensors/a.bin", b"1")
    bucket, _, prefix = s3_root.removeprefix("s3://").partition("/")
    boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"]).put_object(
        Bucket=bucket, Key=f"{prefix}/inbox/{key}", Body=b""
    )
    (tmp_path / "evil.mcap").write_bytes(b"somebody's")

    made = objects.download("inbox/log", tmp_path / "here")

    assert made == [tmp_path / "here/log/sensors/a.bin"]
    assert (tmp_path / "evil.mcap").read_bytes() == b"somebody's"


def test_what_is_missing_is_said(root: str, tmp_path: Path) -> None:
    objects = ObjectRoot.open(root)

    with pytest.raises(StoreError, match=r"holds no 'inbox/x'"):
        objects.get("inbox/x")
    with pytest.raises(StoreError, match=r"holds no 'inbox/x'"):
        objects.download("inbox/x", tmp_path)


def test_results_are_the_same_wherever_they_are(root: str, settings: Settings) -> None:
    batch = computed({**fleet(50, rows=20), "empty": [], "with null": [None, 1.0]})
    here = Settings(home=settings.home, root=root, postgres=settings.postgres)
    with Store.open(here) as store:
        store.write(batch)
        store.write(computed({"log-00003": [9.0]}))

        everything = store.scan("hard_brakes").collect().sort("log_id", "start_ns")
        some = store.load(HARD_BRAKES, ["log-00002", "log-00003"]).rows.collect().sort("log_id")

    changed = brakes({**fleet(50, rows=20), "with null": [None, 1.0], "log-00003": [9.0]})
    assert_frame_equal(everything, changed)
    assert some["log_id"].to_list() == ["log-00002"] * 20 + ["log-00003"]
    assert some.schema == batch.rows.schema


# Tests may run as root, whom a missing write permission does not keep out: these fail for anyone.
@pytest.mark.parametrize("kind", ["a file", "below a file", "a kernel's folder"])
def test_a_root_that_cannot_be_written_is_named(kind: str, tmp_path: Path) -> None:
    file = tmp_path / "file"
    file.write_text("")
    root = {"a file": file, "below a file": file / "x", "a kernel's folder": Path("/proc/x")}[kind]

    with pytest.raises(StoreUnavailableError, match=str(root)):
        ObjectRoot.open(str(root))


def test_a_root_that_becomes_unusable_leaves_index_and_results_alone(store: Store) -> None:
    store.write(computed({"a": [1.0]}))
    (Path(store.objects.root) / "log/soft_brakes").write_text("in the way of the folder")

    with pytest.raises(StoreUnavailableError, match=store.objects.root):
        store.write(computed({"a": [2.0]}, of=definition("soft_brakes")))

    assert store.outcomes("soft_brakes").is_empty()
    assert store.scan("hard_brakes").select(pl.len()).collect().item() == 1


@pytest.mark.parametrize("kind", ["s3", "gcs"])
def test_a_bucket_that_is_not_there_is_named(kind: str, request: pytest.FixtureRequest) -> None:
    root: str = request.getfixturevalue(f"{kind}_root").replace("metrics/", "nobodys/")

    with pytest.raises(StoreUnavailableError, match=root):
        ObjectRoot.open(root).put("a", b"")
