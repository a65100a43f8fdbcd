"""A golden file is made when asked for, and tells what is no longer so."""

import json
import re
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from polars.testing import assert_frame_equal

from metrics_platform.core import Computed, Outcome, Status, Tolerance
from metrics_platform.core.errors import ConfigurationError, UnknownNameError
from metrics_platform.testing.golden import assert_golden
from metrics_platform.testing.golden_files import golden_of, read_golden, write_golden
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.strategies import frames_of
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.store.builders import computed

ABSTAINED = Outcome(Status.ABSTAINED, "no tracks")
BRAKES: dict[str, list[float | None]] = {"a": [3.0, 4.5, None], "b": [], "c": [2.0]}
ACCEPT = "METRICS_PLATFORM_ACCEPT_GOLDEN"


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "golden" / "brakes.json"


def accept(made: pl.DataFrame | Computed, path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with monkeypatch.context() as patch:
        patch.setenv(ACCEPT, "1")
        assert_golden(made, path)


@pytest.fixture
def accepted(path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    accept(computed(BRAKES, others={"x": ABSTAINED}), path, monkeypatch)
    return path


def test_a_missing_file_fails_and_says_how_to_make_it(path: Path) -> None:
    with pytest.raises(AssertionError, match=f"no golden file .*brakes.json: .* {ACCEPT}=1 to"):
        assert_golden(computed(BRAKES), path)
    assert not path.exists()


def test_what_was_accepted_passes(accepted: Path) -> None:
    before = accepted.read_bytes()
    assert_golden(computed(BRAKES, others={"x": ABSTAINED}), accepted)
    assert accepted.read_bytes() == before


def test_a_file_has_a_row_per_line(accepted: Path) -> None:
    text = accepted.read_text(encoding="utf-8")
    content = json.loads(text)
    assert content["outcomes"]["x"] == "abstained: no tracks"
    assert content["columns"]["rows"]["peak_deceleration_mps2"] == "Float64"
    assert len(re.findall(r"^ +\{.*hård.*\},?$", text, re.MULTILINE)) == 3


def test_every_difference_is_told_with_its_place_and_size(accepted: Path) -> None:
    now = computed({"a": [3.0, 4.0, None], "c": [2.0, 2.5]}, others={"b": ABSTAINED})

    with pytest.raises(AssertionError) as raised:
        assert_golden(now, accepted)

    told = str(raised.value).splitlines()
    assert "(golden -> computed)" in told[0]
    assert f"{ACCEPT}=1 to renew the file" in told[-1]
    for line in [
        "  log b: computed -> abstained: no tracks",
        "  log x: abstained: no tracks -> not there",
        "  summary: 3 rows -> 2, 0 new and 1 gone",
        "    gone: log_id b",
        "  summary, column peak_deceleration_mps2: 2 of 2 rows differ, by up to 0.5 "
        "(0.2 of the value)",
        "    log_id c: 2.0 -> 2.5",
        "  rows: 4 rows -> 5, 1 new and 0 gone",
        "    new: log_id c, start_ns 1000",
        "  rows, column peak_deceleration_mps2: 1 of 5 rows differ, by up to 0.5 "
        "(0.111 of the value)",
        "    log_id a, start_ns 1000: 4.5 -> 4.0",
        "    log_id a, start_ns 1000: hård 4.5 -> hård 4",
    ]:
        assert line in told


def test_a_difference_within_its_tolerance_is_none(accepted: Path) -> None:
    made = computed(BRAKES, others={"x": ABSTAINED})
    other = replace(
        made,
        rows=made.rows.with_columns(pl.col("peak_deceleration_mps2") * 1.01),
        summary=made.summary.with_columns(pl.col("peak_deceleration_mps2") * 1.01),
    )
    assert_golden(other, accepted, tolerances={"peak_deceleration_mps2": 0.05})
    relative = Tolerance(relative=0.011)
    assert_golden(other, accepted, tolerances={"peak_deceleration_mps2": relative})
    for tolerances in ({}, {"peak_deceleration_mps2": 0.03}):
        with pytest.raises(AssertionError, match=r"by up to 0\.045"):
            assert_golden(other, accepted, tolerances=tolerances)


def test_what_came_to_have_other_columns_is_told(accepted: Path) -> None:
    made = computed(BRAKES, others={"x": ABSTAINED})
    rows = made.rows.cast({"start_ns": pl.Int32}).drop("confirmed")
    other = replace(made, rows=rows.with_columns(stop=pl.lit(value=True)))
    with pytest.raises(AssertionError) as raised:
        assert_golden(other, accepted)
    assert [line for line in str(raised.value).splitlines() if "column " in line] == [
        "  rows, column start_ns: Int64 -> Int32",
        "  rows, column confirmed: Boolean -> not there",
        "  rows, column stop: not there -> Boolean",
    ]


def test_columns_in_another_order_are_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pl.DataFrame({"log_id": ["a"], "x_m": [1.0]})
    accept(frame, path, monkeypatch)
    with pytest.raises(AssertionError, match="order of columns: log_id, x_m -> x_m, log_id"):
        assert_golden(frame.select("x_m", "log_id"), path)


def test_a_file_is_renewed_when_asked_for(accepted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    other = computed({"a": [1.0]})
    accept(other, accepted, monkeypatch)
    assert_golden(other, accepted)
    with pytest.raises(AssertionError, match="log b: not there -> computed"):
        assert_golden(computed(BRAKES), accepted)


def test_a_file_within_tolerance_is_not_renewed(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    accept(pl.DataFrame({"x_m": [1.0]}), path, monkeypatch)
    before = path.read_bytes()
    monkeypatch.setenv(ACCEPT, "1")
    assert_golden(pl.DataFrame({"x_m": [1.001]}), path, tolerances={"x_m": 0.01})
    assert path.read_bytes() == before


def test_a_plain_frame_is_compared_in_order_or_by_its_key(
    path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    frame = pl.DataFrame({"name": ["a", "b"], "length_m": [1.0, 2.0]})
    accept(frame, path, monkeypatch)
    assert_golden(frame, path)
    with pytest.raises(AssertionError, match=r"length_m: 2 of 2 rows differ(.|\n)*row 1: 2.0 -> 1"):
        assert_golden(frame.reverse(), path)
    assert_golden(frame.reverse(), path, key=["name"])
    with pytest.raises(AssertionError, match=r"rows: 2 rows -> 1, 0 new and 1 gone"):
        assert_golden(frame.head(1), path)
    with pytest.raises(AssertionError, match="holds rows, and summary, rows were computed"):
        assert_golden(computed(BRAKES), path)


def test_times_words_and_lists_are_held(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    frame = pl.DataFrame(
        {
            "at": [datetime(2026, 9, 21, 7, 30, tzinfo=UTC), None],
            "kind": pl.Series(["stop", "go"], dtype=pl.Enum(["stop", "go"])),
            "sizes_m": [[1.0, 2.5], None],
            "big": pl.Series([2**64 - 1, 0], dtype=pl.UInt64),
            "huge_m": [float("inf"), 1e-300],
        }
    )
    accept(frame, path, monkeypatch)
    assert_golden(frame, path)
    assert_frame_equal(read_golden(path).frame("rows", frame), frame)
    with pytest.raises(AssertionError, match="at: 1 of 2 rows differ, by up to 60 "):
        assert_golden(frame.with_columns(pl.col("at").dt.offset_by("1m")), path)
    with pytest.raises(AssertionError, match=r"sizes_m: 1 of 2 rows(.|\n)*\[1.0, 2.5\] -> \[1.0\]"):
        assert_golden(frame.with_columns(pl.col("sizes_m").list.head(1)), path)


def test_what_cannot_be_held_or_read_is_told(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    with pytest.raises(ConfigurationError, match="'raw': a golden file cannot hold Binary"):
        accept(pl.DataFrame({"raw": [b"x"]}), path, monkeypatch)
    path.parent.mkdir()
    path.write_text("[]")
    with pytest.raises(ConfigurationError, match=r"brakes\.json is no golden file"):
        assert_golden(computed(BRAKES), path)


def test_what_is_misspelled_is_told(accepted: Path) -> None:
    made = computed(BRAKES, others={"x": ABSTAINED})
    with pytest.raises(UnknownNameError, match="did you mean 'peak_deceleration_mps2'"):
        assert_golden(made, accepted, tolerances={"peak_decelaration_mps2": 0.1})
    with pytest.raises(UnknownNameError, match="did you mean 'start_ns'"):
        assert_golden(made, accepted, key=["start_n"])


def test_the_environment_says_1_or_nothing(accepted: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(ACCEPT, "yes")
    with pytest.raises(ConfigurationError, match=f"{ACCEPT} must be 1 or 0, got 'yes'"):
        assert_golden(computed({"a": [1.0]}), accepted)
    monkeypatch.setenv(ACCEPT, "0")
    with pytest.raises(AssertionError, match="log b: computed -> not there"):
        assert_golden(computed({"a": [1.0]}), accepted)


@settings(max_examples=15, deadline=None, database=None, derandomize=True)
@given(frame=frames_of("mode_errors", max_rows=5))
def test_any_frame_is_read_back_as_it_was(
    tmp_path_factory: pytest.TempPathFactory, frame: pl.DataFrame
) -> None:
    path = tmp_path_factory.mktemp("golden") / "rows.json"
    write_golden(path, golden_of({"rows": frame}, {}))
    assert_frame_equal(read_golden(path).frame("rows", frame), frame)


def test_a_metric_of_the_library_is_compared(path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    drive = scenario("cruise", seconds=3)
    accept(compute_on(drive, "distance_driven"), path, monkeypatch)
    assert_golden(compute_on(drive, "distance_driven"), path)
    faster = scenario("cruise", seconds=3, speed_mps=10.5)
    with pytest.raises(AssertionError, match="summary, column distance_m: 1 of 1 rows differ"):
        assert_golden(compute_on(faster, "distance_driven"), path)
