"""The contract of every definition, checked without anybody writing a test for it.

def test_hard_brakes_keeps_the_contract() -> None:
    assert_conforms(hard_brakes)
"""

import inspect
import re
from collections.abc import Collection, Mapping

import polars as pl

from metrics_platform.core import Computed, Definition, Input, Metric, Outcome, Rows, Status
from metrics_platform.core.catalog import Catalog, default_catalog
from metrics_platform.core.compute import compute
from metrics_platform.core.frames import empty_frame, polars_schema
from metrics_platform.core.statuses import COMPUTED
from metrics_platform.core.unit_advice import without_unit
from metrics_platform.core.unknown_columns import unknown_column
from metrics_platform.core.validation import NO_LOG_ID
from metrics_platform.testing.broken_rules import (
    ANY_ORDER,
    NOTHING_OF_NOTHING,
    REPEATABLE,
    TYPES_OF_NOTHING,
    WITHIN_A_LOG,
    first_difference,
    place,
)
from metrics_platform.testing.families import with_families
from metrics_platform.testing.inputs import compute_on, inputs_of
from metrics_platform.testing.scenarios import SCENARIOS
from metrics_platform.testing.synthetic import Frames, scenario, synthetic_logs

# Sums may be taken in another order.
TOLERANCE = 1e-9
# What a metric's docstring says in paragraphs of their own, for whoever bets on its numbers.
_PARAGRAPHS = {
    "Formula": "how a value comes about",
    "Source": "where the definition comes from",
    "Reference": "which implementation it was compared with, and how it differs, or `none`",
}
# A log that has every signal, and not one row in any of them.
EMPTY_LOG = "log_without_rows"


def assert_conforms(
    definition: Definition,
    frames: Mapping[str, pl.DataFrame] | None = None,
    *,
    catalog: Catalog | None = None,
) -> None:
    """Check what the platform relies on in a derived signal or metric.

    Computing it again gives the same, to the bit. The result for a batch of logs is the results for
    each log, put together. The order of input
    rows changes nothing. An empty input gives an empty output of the right types. Logs of one row
    or of no duration make it abstain or compute, but not raise. Numbers say their unit, and the
    docstrings say what a row is and, of a metric, its formula, its source and what it was compared
    with.

    Args:
        definition: Not a recorded signal.
        frames: Recorded signals, or whatever else it depends on, by name; a fleet of synthetic
            logs of all scenarios, and some that are hardly a log, if None.
        catalog: Where its dependencies are looked up; all installed ones if None.

    Raises:
        AssertionError: It breaks one of the rules; the message says which.
    """
    catalog = catalog or default_catalog()
    _check_words(definition)
    _check_empty(definition, catalog)
    inputs = _inputs(definition, frames if frames is not None else hardly_logs(), catalog)
    together = _compute(definition, inputs)
    _check_none_failed(definition, together)
    # To the bit: results are told apart by a hash of their content.
    again = _compute(definition, inputs)
    _check_same(definition, together, again, "computed again", REPEATABLE, tolerance=0)
    alone = _one_by_one(definition, inputs)
    _check_same(definition, together, alone, "computed log by log", WITHIN_A_LOG)
    for seed in range(2):
        shuffled = {
            name: Input(_shuffled(given.rows, seed), given.outcomes)
            for name, given in inputs.items()
        }
        again = _compute(definition, shuffled)
        _check_same(definition, together, again, "computed from shuffled rows", ANY_ORDER)


def hardly_logs(needed: Collection[str] | None = None) -> Frames:
    """Return a small fleet: every scenario, and logs of one row, with gaps, without an ego.

    Args:
        needed: As for `with_families`.
    """
    fleet = synthetic_logs(2 * len(SCENARIOS), seconds=3)
    parts = [
        fleet,
        scenario("cruise", log_id="one_row", seconds=0, bystanders=2),
        _with_gap(scenario("follow", log_id="with_gap", seconds=6)),
        _without_box(scenario("cut_in", log_id="without_box", seconds=2)),
        scenario("pedestrian_crossing", log_id="crossing", seconds=8),
        _of_traffic(scenario("cut_in", log_id="traffic", seconds=3, bystanders=15)),
    ]
    together = {name: pl.concat([part[name] for part in parts]) for name in fleet}
    return with_families(together, needed)


def _with_gap(frames: Frames) -> Frames:
    start = frames["recordings"]["start_ns"].item()
    since_s = (pl.col("timestamp_ns") - start) * 1e-9
    kept = ~since_s.is_between(2, 4)
    return {
        name: frame if name == "recordings" else frame.filter(kept)
        for name, frame in frames.items()
    }


def _without_box(frames: Frames) -> Frames:
    size = ("ego_length_m", "ego_width_m", "ego_center_offset_m")
    unknown = [pl.lit(None, pl.Float64).alias(name) for name in size]
    return {**frames, "recordings": frames["recordings"].with_columns(unknown)}


def _of_traffic(frames: Frames) -> Frames:
    """Make the ego one of the road users: nobody is the ego, and everybody an actor."""
    driven = frames["ego_poses"].select(
        "log_id",
        "timestamp_ns",
        "x_m",
        "y_m",
        "z_m",
        "heading_rad",
        source=pl.lit(frames["tracks"]["source"][0]),
        track_id=pl.lit("900"),
        category=pl.lit("car"),
        length_m=pl.lit(4.6),
        width_m=pl.lit(1.9),
        height_m=pl.lit(1.6),
    )
    unheard = {name: frames[name].clear() for name in ("ego_poses", "vehicle_speeds")}
    nobody = _without_box(frames)["recordings"].with_columns(has_ego=pl.lit(value=False))
    tracks = pl.concat([frames["tracks"], driven], how="diagonal")
    return {**frames, **unheard, "recordings": nobody, "tracks": tracks}


def _check_words(definition: Definition) -> None:
    what = f"{definition.name} {definition.version}"
    advice = without_unit(definition.rows)
    assert not advice, f"{what}: {'; '.join(advice)}"
    grain = inspect.getdoc(definition.rows) or ""
    assert re.search(r"\bone row per\b", grain, re.IGNORECASE), (
        f"{what}: the docstring of {definition.rows.__name__} must say what a row is: "
        "'One row per log_id, …'"
    )
    if isinstance(definition, Metric):
        for word, told in _PARAGRAPHS.items():
            assert re.search(rf"^{word}:", definition.description, re.MULTILINE), (
                f"{what}: its docstring must have a paragraph on {told}: '{word}: …'"
            )


def _check_empty(definition: Definition, catalog: Catalog) -> None:
    nothing = [empty_frame(catalog[name].rows).lazy() for name in definition.dependencies]
    made = definition(*nothing)
    lazy = made.rows if isinstance(made, Rows) else made
    what, where = definition.name, f"Look at {place(definition)}."
    assert isinstance(lazy, pl.LazyFrame), (
        f"{what} must return a pl.LazyFrame, got {type(lazy).__name__}: leave out .collect(), or "
        f"end with .lazy(). {where}"
    )
    try:
        rows = lazy.collect()
    except pl.exceptions.ColumnNotFoundError as error:
        inputs = {name: list(polars_schema(catalog[name].rows)) for name in definition.dependencies}
        raise AssertionError(f"{what}: {unknown_column(error, inputs)}. {where}") from error
    assert "log_id" in rows.columns, f"{what}: {NO_LOG_ID}. {where}"
    assert rows.is_empty(), f"{what}: {len(rows)} rows out of no rows. {NOTHING_OF_NOTHING} {where}"
    expected = polars_schema(definition.rows)
    assert rows.schema == expected, (
        f"{what}: on an empty input expected {dict(expected)}, got {dict(rows.schema)}. "
        f"{TYPES_OF_NOTHING} {where}"
    )


def _inputs(
    definition: Definition, frames: Mapping[str, pl.DataFrame], catalog: Catalog
) -> dict[str, Input]:
    """Return what `definition` takes, for all logs of `frames` and one without a row."""
    given = inputs_of(frames)
    for name in definition.dependencies:
        if name not in given:
            made = compute_on(frames, name, catalog=catalog)
            given[name] = Input(made.rows.lazy(), made.outcomes)
    return {
        name: Input(given[name].rows, {**given[name].outcomes, EMPTY_LOG: COMPUTED})
        for name in definition.dependencies
    }


def _compute(
    definition: Definition, inputs: Mapping[str, Input], log_ids: list[str] | None = None
) -> Computed:
    if log_ids is None:
        log_ids = sorted({log_id for given in inputs.values() for log_id in given.outcomes})
    return compute(definition, inputs, log_ids, fingerprint="conformance")


def _one_by_one(definition: Definition, inputs: Mapping[str, Input]) -> Computed:
    alone = [
        _compute(definition, inputs, [log_id])
        for log_id in sorted({log_id for given in inputs.values() for log_id in given.outcomes})
    ]
    return Computed(
        definition=definition,
        rows=pl.concat([made.rows for made in alone]),
        outcomes={log_id: o for made in alone for log_id, o in made.outcomes.items()},
        summary=pl.concat([made.summary for made in alone]),
        fingerprints={},
    )


def _shuffled(rows: pl.LazyFrame, seed: int) -> pl.LazyFrame:
    return rows.collect().sample(fraction=1, shuffle=True, seed=seed).lazy()


def _check_none_failed(definition: Definition, made: Computed) -> None:
    failed = {log_id: made.outcomes[log_id].reason for log_id in made.logs_with(Status.FAILED)}
    assert not failed, f"{definition.name} failed on valid input: {failed}"


def _check_same(
    definition: Definition,
    expected: Computed,
    got: Computed,
    how: str,
    advice: str,
    *,
    tolerance: float = TOLERANCE,
) -> None:
    differs = (
        _first_outcome(expected, got, how)
        or first_difference(expected.rows, got.rows, how, tolerance=tolerance)
        or first_difference(expected.summary, got.summary, how, tolerance=tolerance)
    )
    assert differs is None, f"{definition.name}: {differs}. {advice} Look at {place(definition)}."


def _first_outcome(expected: Computed, got: Computed, how: str) -> str | None:
    for log_id, outcome in expected.outcomes.items():
        if (other := got.outcomes[log_id]) != outcome:
            return f"log {log_id!r} is {_told(outcome)}, and {_told(other)} when {how}"
    return None


def _told(outcome: Outcome) -> str:
    return f"{outcome.status} ({outcome.reason})" if outcome.reason else str(outcome.status)
