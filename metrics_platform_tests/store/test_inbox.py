"""What lies in the inbox, told as logs."""

import os
from datetime import UTC, datetime, timedelta
from pathlib import Path

import boto3  # type: ignore[import-untyped]
import pytest

from metrics_platform.store import ObjectInfo, ObjectRoot, arrivals, sweep
from metrics_platform.store.inbox import Arrival

NOW = datetime(2026, 11, 20, 12, tzinfo=UTC)


def objects(*paths: str, age_s: float = 60.0, size_bytes: int = 7) -> list[ObjectInfo]:
    changed = NOW - timedelta(seconds=age_s)
    return [ObjectInfo(path, size_bytes, f"etag of {path}", changed) for path in paths]


def found(*given: ObjectInfo, quiet_s: float = 10.0) -> list[Arrival]:
    return arrivals(given, now=NOW, quiet_s=quiet_s)


def log_ids(*paths: str) -> list[str]:
    return [arrival.log_id for arrival in found(*objects(*paths))]


def test_a_file_is_a_log_named_by_its_stem_and_a_folder_one_named_by_itself() -> None:
    logs = found(*objects("a.mcap", "b.v1/x.feather", "b.v1/sensors/y.bin", "c.2026.11.mcap"))

    assert [(log.log_id, log.source, log.size_bytes) for log in logs] == [
        ("a", "a.mcap", 7),
        ("b.v1", "b.v1", 14),
        ("c.2026.11", "c.2026.11.mcap", 7),
    ]


@pytest.mark.parametrize(
    "paths",
    [
        pytest.param(["a/x", "a/_UPLOADING"], id="marker in the folder"),
        pytest.param(["a/x", "a/sensors/_UPLOADING"], id="marker deep in the folder"),
        pytest.param(["a/x", "a.uploading"], id="marker beside the folder"),
        pytest.param(["a.mcap", "a.mcap.uploading"], id="marker beside the file"),
        pytest.param(["a.mcap.part"], id="rsync --partial"),
        pytest.param(["a.mcap.partial"], id="partial"),
        pytest.param(["a.mcap.tmp"], id="tmp"),
        pytest.param(["a.mcap.filepart"], id="WinSCP"),
        pytest.param(["a.mcap.crdownload"], id="Chrome"),
        pytest.param(["a.mcap_.gstmp"], id="gsutil"),
        pytest.param(["a/x", "a/y.part"], id="unfinished file in the folder"),
        pytest.param([".a.mcap.Xk2"], id="dotfile"),
        pytest.param([".snapshot/a.mcap"], id="dotted folder"),
        pytest.param(["a.log.json"], id="sidecar whose log has not come yet"),
    ],
)
def test_what_is_still_uploaded_is_left_alone(paths: list[str]) -> None:
    assert log_ids(*paths) == []
    assert log_ids(*paths, "other.mcap") == ["other"]


@pytest.mark.parametrize(
    ("age_s", "taken"),
    [(9.9, False), (10.0, True), (-3.0, False)],
    ids=["early", "quiet", "future"],
)
def test_a_log_is_taken_once_it_was_quiet_for_a_while(age_s: float, taken: bool) -> None:
    assert bool(found(*objects("a.mcap", age_s=age_s))) is taken
    # The object that changed last counts.
    assert bool(found(*objects("a/old"), *objects("a/new", age_s=age_s))) is taken
    assert bool(found(*objects("a.mcap"), *objects("a.log.json", age_s=age_s))) is taken


def test_a_log_whose_time_is_in_the_future_is_taken_all_the_same() -> None:
    assert len(found(*objects("a.mcap", age_s=-86_400.0))) == 1


def test_a_sidecar_is_part_of_its_log() -> None:
    [alone] = found(*objects("a.mcap"))
    [described] = found(*objects("a.mcap", "a.log.json"))

    assert described.size_bytes == 14
    assert described.source_tag != alone.source_tag


def test_a_folder_that_a_console_made_is_no_file() -> None:
    marker = objects("a.v1", size_bytes=0)

    [log] = found(*marker, *objects("a.v1/x"))
    [without_marker] = found(*objects("a.v1/x"))

    assert log.log_id == "a.v1"
    assert log == without_marker


@pytest.mark.parametrize(
    ("changed", "same"),
    [
        (ObjectInfo("a/x", 7, "1", NOW - timedelta(hours=1)), True),
        (ObjectInfo("a/x", 7, "2", NOW - timedelta(hours=1)), False),
        (ObjectInfo("a/x", 8, "1", NOW - timedelta(hours=1)), False),
        (ObjectInfo("a/y", 7, "1", NOW - timedelta(hours=1)), False),
        (ObjectInfo("a/x", 7, "1", NOW - timedelta(hours=2)), True),
    ],
    ids=["nothing", "etag", "size", "name", "time alone"],
)
def test_other_content_has_another_tag(changed: ObjectInfo, same: bool) -> None:
    [before] = found(ObjectInfo("a/x", 7, "1", NOW - timedelta(hours=1)))
    [after] = found(changed)

    assert (before.source_tag == after.source_tag) is same


@pytest.fixture(params=["folder", "s3"])
def root(request: pytest.FixtureRequest, tmp_path: Path) -> ObjectRoot:
    if request.param == "folder":
        return ObjectRoot.open(str(tmp_path / "objects"))
    return ObjectRoot.open(request.getfixturevalue("s3_root"))


def swept(root: ObjectRoot) -> list[str]:
    return [arrival.log_id for page, _ in sweep(root, quiet_s=0) for arrival in page]


def test_an_empty_inbox_has_no_logs(root: ObjectRoot) -> None:
    assert list(sweep(root, quiet_s=0)) == [([], None)]


def test_a_log_is_whole_wherever_a_page_ends(root: ObjectRoot) -> None:
    """Sidecars and the parts of a folder can be on either side of the end of a page."""
    for number in range(4):
        for name in (f"{number}.log.json", f"{number}.mcap", f"{number}f/x", f"{number}f/y"):
            root.put(f"inbox/{name}", b"x")
    whole = {a.log_id: a for page, _ in sweep(root, quiet_s=0) for a in page}
    assert whole.keys() == {"0", "0f", "1", "1f", "2", "2f", "3", "3f"}

    for size in range(1, 8):
        in_pages = list(sweep(root, quiet_s=0, page_size=size))
        assert {a.log_id: a for page, _ in in_pages for a in page} == whole
        # A later walk goes on after any of the pages, and misses nothing.
        for at, (_, after) in enumerate(in_pages[:-1]):
            later = [a for page, _ in sweep(root, quiet_s=0, after=after) for a in page]
            assert later == [a for page, _ in in_pages[at + 1 :] for a in page]


def test_a_folder_that_spans_pages_is_one_log(root: ObjectRoot) -> None:
    for number in range(1_100):
        root.put(f"inbox/a/{number:04}", b"x")
    root.put("inbox/b.mcap", b"x")

    logs = {a.log_id: a.size_bytes for page, _ in sweep(root, quiet_s=0) for a in page}

    assert logs == {"a": 1_100, "b": 1}


@pytest.mark.parametrize(
    "key",
    [
        "../evil.mcap",
        "/evil.mcap",
        "./evil.mcap",
        "a\x01b.mcap",
        "log/../../evil.mcap",
        "log//part.bin",
    ],
)
def test_a_name_that_cannot_be_on_s3_hides_no_other(s3_root: str, key: str) -> None:
    root = ObjectRoot.open(s3_root)
    for name in ("a.mcap", "m/x", "z.mcap"):
        root.put(f"inbox/{name}", b"x")
    usual = [arrival for page, _ in sweep(root, quiet_s=0) for arrival in page]
    bucket, _, prefix = s3_root.removeprefix("s3://").partition("/")
    boto3.client("s3", endpoint_url=os.environ["AWS_ENDPOINT_URL"]).put_object(
        Bucket=bucket, Key=f"{prefix}/inbox/{key}", Body=b"bad"
    )

    found = [arrival for page, _ in sweep(root, quiet_s=0) for arrival in page]

    assert [arrival for arrival in found if arrival in usual] == usual
    assert {arrival.source for arrival in found if arrival not in usual} == {key}


@pytest.mark.parametrize(
    ("name", "shown"),
    [(b"a\nb.mcap", "a\nb.mcap"), (b"\xffa.mcap", "\\udcffa.mcap"), (b"a\x7f/x", "a\x7f/x")],
    ids=["line break", "no text", "control character"],
)
def test_a_file_whose_name_cannot_be_hides_no_other(
    tmp_path: Path, name: bytes, shown: str
) -> None:
    root = ObjectRoot.open(str(tmp_path))
    for usual in ("a.mcap", "m/x", "z.mcap"):
        root.put(f"inbox/{usual}", b"x")
    before = [arrival for page, _ in sweep(root, quiet_s=0) for arrival in page]
    path = os.fsencode(tmp_path / "inbox") + b"/" + name
    os.makedirs(os.path.dirname(path), exist_ok=True)
    with open(path, "wb") as file:
        file.write(b"bad")

    found = [arrival for page, _ in sweep(root, quiet_s=0) for arrival in page]

    assert [arrival for arrival in found if arrival in before] == before
    assert {arrival.source for arrival in found if arrival not in before} == {shown}


def test_a_link_that_leads_round_and_round_hides_no_log(tmp_path: Path) -> None:
    root = ObjectRoot.open(str(tmp_path))
    root.put("inbox/a.mcap", b"x")
    root.put("inbox/b/x", b"x")
    (tmp_path / "inbox/b/loop").symlink_to(tmp_path / "inbox")

    assert swept(root) == ["a", "b"]
