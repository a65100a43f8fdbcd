"""One call for many logs, and one bad log harms nobody."""

from collections.abc import Callable, Sequence
from hashlib import md5
from typing import Any

import polars as pl
import pytest
from pandera.polars import Field
from polars.testing import assert_frame_equal

from metrics_platform.core import Computed, Input, Metric, MetricFrame, Outcome, Rows, Status
from metrics_platform.core.compute import compute
from metrics_platform.core.statuses import COMPUTED

LOGS = [f"log-{number:02}" for number in range(64)]
ABSTAINED = Outcome(Status.ABSTAINED, "the recording has none")
FAILED = Outcome(Status.FAILED, "broken")


class Peaks(MetricFrame):
    """One row per log_id, rank_index."""

    rank_index: int
    peak_mps: float = Field(ge=0)

    class Config:
        unique = ["log_id", "rank_index"]


def _metric(function: Callable[..., Any], **declaration: Any) -> Metric:
    return Metric(
        name=function.__name__,
        version="1.0.0",
        rows=Peaks,
        owner="tests",
        function=function,
        summary={"peaks": pl.len(), "highest_mps": pl.col("peak_mps").max()},
        **declaration,
    )


def _input(log_ids: Sequence[str], outcome: Outcome = COMPUTED, peak: float = 1.0) -> Input:
    rows = pl.DataFrame(
        {"log_id": log_ids, "rank_index": 0, "peak_mps": peak},
        schema={"log_id": pl.String, "rank_index": pl.Int64, "peak_mps": pl.Float64},
    )
    return Input(
        rows.lazy() if outcome is COMPUTED else rows.clear().lazy(),
        dict.fromkeys(log_ids, outcome),
        {log_id: f"hash of {log_id}" for log_id in log_ids},
    )


def _computed(definition: Metric, log_ids: Sequence[str] = LOGS, **inputs: Input) -> Computed:
    given = inputs or {"speeds": _input(log_ids)}
    made = compute(definition, given, log_ids, fingerprint="f")
    # Whatever happened, every log has an outcome, and only computed ones have rows and a summary.
    assert list(made.outcomes) == list(log_ids)
    assert set(made.rows["log_id"]) <= set(made.logs_with(Status.COMPUTED))
    assert made.summary["log_id"].to_list() == sorted(made.logs_with(Status.COMPUTED))
    return made


def identity(speeds: pl.LazyFrame) -> pl.LazyFrame:
    """Return it."""
    return speeds


def test_a_batch_is_one_call() -> None:
    calls = 0

    def counted(speeds: pl.LazyFrame) -> pl.LazyFrame:
        """Count."""
        nonlocal calls
        calls += 1
        return speeds

    made = _computed(_metric(counted))
    assert calls == 1
    assert made.logs_with(Status.COMPUTED) == LOGS
    assert made.fingerprints == dict.fromkeys(LOGS, "f")
    assert len(set(made.input_hashes.values())) == 64


def test_rows_are_sorted_and_the_summary_is_per_log() -> None:
    rows = pl.DataFrame(
        {
            "log_id": ["b", "a", "b", "a"],
            "rank_index": [2, 1, 1, 2],
            "peak_mps": [4.0, 1.0, 3.0, 2.0],
        }
    )
    speeds = Input(rows.lazy(), dict.fromkeys("ab", COMPUTED))
    made = _computed(_metric(identity), ["a", "b"], speeds=speeds)
    assert made.rows["peak_mps"].to_list() == [1.0, 2.0, 3.0, 4.0]
    assert made.summary.rows() == [("a", 2, 2.0), ("b", 2, 4.0)]


def test_logs_that_were_not_asked_for_are_not_computed() -> None:
    made = _computed(_metric(identity), LOGS[:3], speeds=_input(LOGS))
    assert made.rows["log_id"].to_list() == LOGS[:3]


def test_a_log_without_rows_has_a_summary() -> None:
    def none(speeds: pl.LazyFrame) -> pl.LazyFrame:
        """Return the rows of one log only."""
        return speeds.filter(pl.col("log_id") == "a")

    made = _computed(_metric(none), ["a", "b"])
    assert made.summary.rows() == [("a", 1, 1.0), ("b", 0, None)]
    assert made.summary.schema == {
        "log_id": pl.String,
        "peaks": pl.get_index_type(),
        "highest_mps": pl.Float64,
    }


def test_an_empty_batch_gives_an_empty_result_and_calls_nothing() -> None:
    def never(speeds: pl.LazyFrame) -> pl.LazyFrame:
        """Raise."""
        raise AssertionError("called")

    made = _computed(_metric(never), [])
    assert made.rows.is_empty()
    assert made.rows.schema == {
        "log_id": pl.String, "rank_index": pl.Int64, "peak_mps": pl.Float64,
    }  # fmt: skip
    assert made.summary.columns == ["log_id", "peaks", "highest_mps"]


def test_a_log_that_lacks_a_dependency_abstains_and_says_which() -> None:
    def both(speeds: pl.LazyFrame, tracks: pl.LazyFrame) -> pl.LazyFrame:
        """Return the first."""
        return speeds

    tracks = _input(["a", "b", "c"], ABSTAINED)
    made = _computed(_metric(both), ["a"], speeds=_input(["a"]), tracks=tracks)
    assert made.outcomes["a"] == Outcome(Status.ABSTAINED, "no tracks: the recording has none")


def test_a_log_that_was_never_computed_upstream_abstains() -> None:
    made = _computed(_metric(identity), ["a", "z"], speeds=_input(["a"]))
    assert made.outcomes["z"].reason == "no speeds: never computed for this log"
    assert made.outcomes["a"] is COMPUTED


def test_a_failure_is_counted_where_it_happened_and_not_again() -> None:
    made = _computed(_metric(identity), ["a"], speeds=_input(["a"], FAILED))
    assert made.outcomes["a"] == Outcome(Status.ABSTAINED, "speeds failed: broken")


def test_the_first_dependency_that_is_missing_is_told() -> None:
    def both(speeds: pl.LazyFrame, tracks: pl.LazyFrame) -> pl.LazyFrame:
        """Return the first."""
        return speeds

    speeds, tracks = _input(["a"], ABSTAINED), _input(["a"], FAILED)
    made = _computed(_metric(both), ["a"], speeds=speeds, tracks=tracks)
    assert made.outcomes["a"].reason == "no speeds: the recording has none"


@pytest.mark.parametrize("outcome", [ABSTAINED, FAILED], ids=["abstained", "failed"])
def test_an_optional_dependency_may_be_missing(outcome: Outcome) -> None:
    def both(speeds: pl.LazyFrame, tracks: pl.LazyFrame) -> pl.LazyFrame:
        """Return all rows there are."""
        return pl.concat([speeds, tracks])

    definition = _metric(both, optional=frozenset({"tracks"}))
    made = _computed(definition, ["a"], speeds=_input(["a"]), tracks=_input(["a"], outcome))
    assert made.outcomes["a"] is COMPUTED
    assert len(made.rows) == 1


def test_one_log_that_raises_is_found_by_halving() -> None:
    calls = 0

    def picky(speeds: pl.LazyFrame) -> pl.LazyFrame:
        """Raise for one log."""
        nonlocal calls
        calls += 1
        if "log-37" in speeds.collect()["log_id"]:
            raise ZeroDivisionError("no speed to divide by")
        return speeds

    made = _computed(_metric(picky))
    assert made.logs_with(Status.FAILED) == ["log-37"]
    assert made.outcomes["log-37"].reason == "ZeroDivisionError: no speed to divide by"
    assert len(made.rows) == 63
    # Of 64 logs: once all, then two halves at each of the six levels down to the one.
    assert calls == 1 + 2 * 6
    assert made.rows["log_id"].is_sorted()


def test_every_log_can_fail() -> None:
    def hopeless(speeds: pl.LazyFrame) -> pl.LazyFrame:
        """Raise."""
        raise RuntimeError("x" * 5_000)

    made = _computed(_metric(hopeless), LOGS[:5])
    assert made.logs_with(Status.FAILED) == LOGS[:5]
    assert {len(outcome.reason or "") for outcome in made.outcomes.values()} == {2_000}


@pytest.mark.parametrize(
    "error",
    [pl.exceptions.ComputeError("boom"), pl.exceptions.PanicException("boom")],
    ids=["error-in-polars", "panic-in-polars"],
)
def test_what_breaks_in_the_query_is_isolated_too(error: BaseException) -> None:
    def lazily(speeds: pl.LazyFrame) -> pl.LazyFrame:
        """Break while it is collected, or before."""
        if isinstance(error, pl.exceptions.ComputeError):
            return speeds.with_columns(pl.col("log_id").replace_strict(LOGS[1:], LOGS[1:]))
        if LOGS[0] in speeds.collect()["log_id"]:
            raise error
        return speeds

    made = _computed(_metric(lazily), LOGS[:8])
    assert made.logs_with(Status.FAILED) == LOGS[:1]
    assert len(made.rows) == 7


def test_an_interrupt_is_not_swallowed() -> None:
    def interrupted(speeds: pl.LazyFrame) -> pl.LazyFrame:
        """Be stopped."""
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        _computed(_metric(interrupted), LOGS[:2])


def test_logs_that_break_the_contract_are_told_apart_at_once() -> None:
    calls = 0

    def negative(speeds: pl.LazyFrame) -> pl.LazyFrame:
        """Return an impossible peak for two logs."""
        nonlocal calls
        calls += 1
        bad = pl.col("log_id").is_in(["log-05", "log-40"])
        return speeds.with_columns(pl.when(bad).then(-1.0).otherwise("peak_mps").alias("peak_mps"))

    made = _computed(_metric(negative))
    assert made.logs_with(Status.FAILED) == ["log-05", "log-40"]
    assert "column peak_mps: check greater_than_or_equal_to(0)" in (
        made.outcomes["log-05"].reason or ""
    )
    assert len(made.rows) == 62
    assert calls == 1 + 2 + 1


def test_not_a_number_breaks_the_contract() -> None:
    def undefined(speeds: pl.LazyFrame) -> pl.LazyFrame:
        """Divide by zero."""
        return speeds.with_columns(peak_mps=pl.lit(0.0) / (pl.col("peak_mps") - 1.0))

    made = _computed(_metric(undefined), ["a"])
    assert "check" in (made.outcomes["a"].reason or "")
    assert made.outcomes["a"].status is Status.FAILED


def collected(speeds: pl.LazyFrame) -> Any:
    """Return a collected frame."""
    return speeds.collect()


def nothing(speeds: pl.LazyFrame) -> Any:
    """Return nothing."""


def collected_abstentions(speeds: pl.LazyFrame) -> Any:
    """Return abstentions that are collected."""
    abstained: Any = pl.DataFrame({"log_id": ["a"], "reason": ["x"]})
    return Rows(speeds.clear(), abstained)


@pytest.mark.parametrize(
    ("function", "got"),
    [(collected, "DataFrame"), (nothing, "NoneType"), (collected_abstentions, "DataFrame")],
)
def test_what_is_no_lazy_frame_is_refused(function: Callable[..., Any], got: str) -> None:
    made = _computed(_metric(function), ["a"])
    status, reason = made.outcomes["a"].status, made.outcomes["a"].reason or ""
    assert status is Status.FAILED
    assert f"{function.__name__} must return a pl.LazyFrame, got {got}; " in reason
    assert "leave out .collect() or end with .lazy()" in reason


def misspells(speeds: pl.LazyFrame) -> pl.LazyFrame:
    """Ask for a column that isn't there."""
    return speeds.select("log_id", "rank_index", peak_mps=pl.col("peak") * 2)


def test_a_column_that_is_not_there_is_told_with_the_frame_that_lacks_it() -> None:
    made = _computed(_metric(misspells), ["a"])
    assert made.outcomes["a"] == Outcome(
        Status.FAILED,
        "ColumnNotFoundError: speeds has no column 'peak'; did you mean 'peak_mps'? "
        "It has: log_id, rank_index, peak_mps",
    )


def loses_the_log(speeds: pl.LazyFrame) -> pl.LazyFrame:
    """Leave out whose rows they are."""
    return speeds.select("rank_index", "peak_mps")


def test_a_frame_without_log_id_is_told_how_to_keep_it() -> None:
    reason = _computed(_metric(loses_the_log), ["a"]).outcomes["a"].reason or ""
    assert "column log_id is missing, so nobody can tell whose rows these are" in reason
    for way in ('.group_by("log_id", …)', '.over("log_id")', '"log_id" in .select(…)'):
        assert way in reason


def test_that_log_id_lacks_is_told_before_what_comes_of_it() -> None:
    def uneven(speeds: pl.LazyFrame) -> pl.LazyFrame:
        """Columns of other lengths."""
        return speeds.select("peak_mps", pl.col("rank_index").unique().append(pl.Series([1, 2, 3])))

    speeds = _input(["a"])
    wide = Input(pl.concat([speeds.rows] * 2), speeds.outcomes, speeds.content_hashes)
    with pytest.raises(pl.exceptions.ShapeError):
        uneven(wide.rows).collect()
    reason = _computed(_metric(uneven), ["a"], speeds=wide).outcomes["a"].reason or ""
    assert "column log_id is missing" in reason


def test_abstaining_for_some_logs_is_recorded_with_the_reason() -> None:
    def fussy(speeds: pl.LazyFrame) -> Rows:
        """Abstain for one log, saying so twice."""
        short = speeds.filter(pl.col("log_id") == "a").select("log_id", reason=pl.lit("too short"))
        again = short.with_columns(reason=pl.lit("and dull"))
        return Rows(speeds.filter(pl.col("log_id") != "a"), pl.concat([short, again]))

    made = _computed(_metric(fussy), ["a", "b"])
    assert made.outcomes["a"] == Outcome(Status.ABSTAINED, "too short")
    assert made.outcomes["b"] is COMPUTED


def test_abstaining_and_giving_rows_is_a_contradiction() -> None:
    def torn(speeds: pl.LazyFrame) -> Rows:
        """Abstain for a log and give its rows."""
        return Rows(
            speeds,
            speeds.filter(pl.col("log_id") == "a").select("log_id", reason=pl.lit("unsure")),
        )

    made = _computed(_metric(torn), ["a", "b"])
    assert made.outcomes["a"] == Outcome(Status.FAILED, "torn abstained for logs it has rows of")
    assert made.outcomes["b"] is COMPUTED


def _with_stranger(frame: pl.LazyFrame) -> pl.LazyFrame:
    return pl.concat([frame, frame.head(1).with_columns(log_id=pl.lit("stranger"))])


def rows_of_strangers(speeds: pl.LazyFrame) -> pl.LazyFrame:
    """Return rows of a log that wasn't given."""
    return _with_stranger(speeds)


def reasons_of_strangers(speeds: pl.LazyFrame) -> Rows:
    """Abstain for a log that wasn't given."""
    reasons = speeds.select("log_id", reason=pl.lit("x"))
    return Rows(speeds.clear(), _with_stranger(reasons))


@pytest.mark.parametrize("function", [rows_of_strangers, reasons_of_strangers])
def test_answers_for_strangers_are_refused(function: Callable[..., Any]) -> None:
    made = _computed(_metric(function), ["a", "b"])
    assert made.logs_with(Status.FAILED) == ["a", "b"]
    assert made.outcomes["a"].reason == (
        f"{function.__name__} has an answer for logs that it wasn't given: ['stranger']"
    )


def test_rows_of_no_log_are_refused_by_the_contract() -> None:
    def nameless(speeds: pl.LazyFrame) -> pl.LazyFrame:
        """Lose the name of a log."""
        return speeds.with_columns(pl.col("log_id").replace("a", None))

    made = _computed(_metric(nameless), ["a", "b"])
    assert made.logs_with(Status.FAILED) == ["a"]
    assert "column log_id: check not_nullable" in (made.outcomes["a"].reason or "")


def test_settings_can_be_given() -> None:
    def scaled(speeds: pl.LazyFrame, *, factor: float = 1.0) -> pl.LazyFrame:
        """Scale."""
        return speeds.with_columns(pl.col("peak_mps") * factor)

    definition = _metric(scaled)
    speeds = {"speeds": _input(["a"])}
    usual = compute(definition, speeds, ["a"], fingerprint="f")
    other = compute(definition, speeds, ["a"], fingerprint="f", settings={"factor": 3.0})
    assert (usual.rows["peak_mps"].item(), other.rows["peak_mps"].item()) == (1.0, 3.0)


def test_input_hashes_follow_the_content_of_each_log() -> None:
    before = compute(_metric(identity), {"speeds": _input(["a", "b"])}, ["a", "b"], fingerprint="f")
    changed = _input(["a", "b"])
    changed = Input(changed.rows, changed.outcomes, {**changed.content_hashes, "b": "other"})
    after = compute(_metric(identity), {"speeds": changed}, ["a", "b"], fingerprint="f")
    assert before.input_hashes["a"] == after.input_hashes["a"]
    assert before.input_hashes["b"] != after.input_hashes["b"]


def test_an_input_hash_is_one_that_postgres_computes_too() -> None:
    lacking = Outcome(Status.ABSTAINED, "größer")
    inputs = {
        "b": Input(_input([]).rows, {"x": lacking, "y": lacking}, {}),
        "a": Input(_input([]).rows, {"x": Outcome(Status.COMPUTED)}, {"x": "c0ffee"}),
        "c": Input(_input([]).rows, {"x": lacking}, {}),
    }

    def joined(b: pl.LazyFrame, a: pl.LazyFrame, c: pl.LazyFrame) -> pl.LazyFrame:
        """Join them."""
        return a

    definition = _metric(joined, optional=frozenset({"c"}))
    made = compute(definition, inputs, ["x", "y"], fingerprint="f")

    # By name; hashes of rows, or why there are none; nothing where it was never computed. Of an
    # optional one the reason decides nothing.
    texts = {"x": "a=c0ffee;b=abstained: größer;c=;", "y": "a=;b=abstained: größer;c=;"}
    assert made.input_hashes == {
        log_id: md5(text.encode(), usedforsecurity=False).hexdigest()
        for log_id, text in texts.items()
    }


def test_a_batch_gives_what_its_logs_give_one_by_one() -> None:
    definition = _metric(identity)
    together = _computed(definition, LOGS[:6])
    parts = [_computed(definition, [log_id]).rows for log_id in LOGS[:6]]
    assert_frame_equal(together.rows, pl.concat(parts))
