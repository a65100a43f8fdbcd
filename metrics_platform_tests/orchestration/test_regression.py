"""Today's code against the version that readers have, in real runs over a real store."""

import base64
import io
import re
from collections.abc import Sequence
from dataclasses import replace
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dagster import AssetCheckEvaluation, AssetCheckSeverity, MarkdownMetadataValue
from PIL import Image

from metrics_platform.core import Input, Metric, MetricFrame, Tolerance, metric
from metrics_platform.core.catalog import Catalog, default_catalog
from metrics_platform.core.compute import compute
from metrics_platform.core.frames import empty_frame
from metrics_platform.delivery import comparison_picture
from metrics_platform.orchestration import regression, regression_check
from metrics_platform.signals.tracks import tracks
from metrics_platform.store import Found, ReadLog
from metrics_platform_tests.orchestration.platform import Platform, store_recorded
from metrics_platform_tests.orchestration.revised import Counts, small_catalog, track_counts
from metrics_platform_tests.orchestration.test_asset_checks import checked

NAME = "pose_counts"


def pose_counts(
    version: str = "1.0.0",
    *,
    more: int = 0,
    than: int = 0,
    fails_on: str = "",
    tolerance: float = 0.0,
    shadow: bool = False,
) -> Metric:
    """Return a version that counts `more` poses in logs that have more `than` some."""

    @metric(
        version=version,
        rows=Counts,
        owner="testing",
        summary={"poses": pl.col("count").sum()},
        tolerances={name: Tolerance(absolute=tolerance) for name in ("count", "poses")},
        shadow_of=NAME if shadow else None,
    )
    def pose_counts(
        ego_poses: pl.LazyFrame, *, more: int = more, fails_on: str = fails_on
    ) -> pl.LazyFrame:
        """Count poses."""

        def refuse(log_ids: pl.Series) -> pl.Series:
            if fails_on in log_ids.to_list():
                raise ValueError(f"no way to count | in {fails_on}")
            return log_ids

        last = pl.col("log_id").str.tail(1).cast(pl.Int64)
        return (
            ego_poses.group_by("log_id")
            .agg(count=pl.len().cast(pl.Int64))
            .with_columns(
                pl.col("log_id").map_batches(refuse, return_dtype=pl.String),
                count=pl.when(last >= than).then(pl.col("count") + more).otherwise("count"),
            )
        )

    return pose_counts


@pytest.fixture
def logs(platform: Platform) -> list[str]:
    """Six logs that were read, two of each release, the first of them pinned."""
    stored = store_recorded(platform.store, 6)
    register(platform, stored)
    return stored


def register(platform: Platform, log_ids: Sequence[str]) -> None:
    registry = platform.store.registry
    registry.register([Found(log_id, f"{log_id}.mcap", 1, "tag") for log_id in log_ids])
    registry.mark_read(
        [
            ReadLog(
                log_id,
                release=f"{n // 2}.0",
                place="harbour",
                tags=["pinned"] if n == 0 else ["rain"] if n % 2 else [],
            )
            for n, log_id in enumerate(log_ids)
        ]
    )


def having(platform: Platform, *metrics: Metric, **settings: Any) -> Platform:
    return platform.having(small_catalog(*metrics), **settings)


def found_by(platform: Platform, label: str = NAME) -> AssetCheckEvaluation:
    return dict(checked(platform, label))["regression"]  # type: ignore[no-any-return]


def markdown_of(evaluation: AssetCheckEvaluation) -> str:
    shown = evaluation.metadata["comparison"]
    assert isinstance(shown, MarkdownMetadataValue)
    return str(shown.value)


@pytest.fixture
def stored(platform: Platform, logs: list[str]) -> list[str]:
    """The same logs, of which version 1.0.0 has results."""
    assert having(platform, pose_counts()).run(logs, NAME).success
    return logs


def test_the_first_version_has_nothing_to_be_compared_with(
    platform: Platform, stored: list[str]
) -> None:
    evaluation = found_by(having(platform, pose_counts()))

    assert evaluation.passed
    assert evaluation.description == "readers have no other version than 1.0.0"


def test_a_patch_that_changes_values_is_an_error(platform: Platform, stored: list[str]) -> None:
    evaluation = found_by(having(platform, pose_counts("1.0.1", more=2, than=3)))

    assert not evaluation.passed
    assert evaluation.severity is AssetCheckSeverity.ERROR
    assert evaluation.description == (
        "3 of 6 logs differ from 1.0.0 by more than is tolerated, and 1.0.1 is a patch, which "
        "changes none"
    )
    assert evaluation.metadata["changed_logs"].value == 3
    assert evaluation.metadata["pinned_logs"].value == 1
    # It was computed for the check alone.
    assert platform.store.versions(NAME) == ["1.0.0"]


def test_the_ui_gets_markdown_with_a_picture(platform: Platform, stored: list[str]) -> None:
    markdown = markdown_of(found_by(having(platform, pose_counts("1.1.0", more=2, than=3))))

    assert markdown.startswith("pose_counts **1.1.0** against **1.0.0**, a minor step, on 6 logs")
    assert "| `poses` | 6 | 21 → 22 | 21 → 22 | 21 → 23 | 3 / 0 | 0.25 | 0.25 |" in markdown
    assert "| `synthetic_00003` | poses 21 -> 23 |" in markdown
    assert "| release 2.0 | 2 of 2 |" in markdown
    [picture] = re.findall(r"!\[[^]]*\]\(data:image/png;base64,([^)]+)\)", markdown)
    assert len(markdown) < 30_000
    with Image.open(io.BytesIO(base64.b64decode(picture))) as image:
        assert image.width > 2 * image.height
    # The picture stands before the tables, the tables apart from it.
    assert markdown.index("![") < markdown.index("\n\n**By distribution**\n\n| Scalar")


@pytest.mark.parametrize("version", ["1.1.0", "2.0.0"])
def test_a_declared_change_is_a_warning(
    platform: Platform, stored: list[str], version: str
) -> None:
    evaluation = found_by(having(platform, pose_counts(version, more=2)))

    assert not evaluation.passed
    assert evaluation.severity is AssetCheckSeverity.WARN
    assert "6 of 6 logs differ from 1.0.0" in str(evaluation.description)


def test_equal_values_pass_and_so_does_what_is_tolerated(
    platform: Platform, stored: list[str]
) -> None:
    refactored = found_by(having(platform, pose_counts("1.0.1")))
    within = found_by(having(platform, pose_counts("1.0.2", more=2, tolerance=2.0)))

    assert refactored.passed
    assert refactored.description == "1.0.1 gives what 1.0.0 gave in 6 logs"
    assert within.passed


def test_a_log_that_fails_now_is_an_error_even_in_a_major_version(
    platform: Platform, stored: list[str]
) -> None:
    evaluation = found_by(having(platform, pose_counts("2.0.0", fails_on=stored[4])))

    assert not evaluation.passed
    assert evaluation.severity is AssetCheckSeverity.ERROR
    assert evaluation.description == "1 log that 1.0.0 computed can no longer be computed"
    [told] = re.findall(rf"\| `{stored[4]}` \| (.*) \|\n", markdown_of(evaluation))
    assert "computed -> failed: " in told
    assert f"no way to count \\| in {stored[4]}" in told


def test_the_promoted_version_is_what_is_compared_with(
    platform: Platform, stored: list[str]
) -> None:
    having(platform, pose_counts("1.1.0", more=2)).run(stored, NAME)
    ours = having(platform, pose_counts("1.2.0", more=2))

    assert "gives what 1.1.0 gave" in str(found_by(ours).description)
    platform.store.promote(NAME, "1.0.0")
    assert "differ from 1.0.0" in str(found_by(ours).description)
    ours.run(stored, NAME)
    platform.store.promote(NAME, "1.2.0")
    assert found_by(ours).description == "1.2.0 is what readers get"


def test_a_shadow_is_compared_with_its_metric_and_not_the_other_way(
    platform: Platform, stored: list[str]
) -> None:
    beside = having(platform, pose_counts(), pose_counts("2.0.0", more=2, shadow=True))
    beside.run(stored, f"shadow/{NAME}")

    of_shadow, of_metric = found_by(beside, f"shadow/{NAME}"), found_by(beside)

    assert "6 of 6 logs differ from 1.0.0, as a major" in str(of_shadow.description)
    assert of_metric.description == "readers have no other version than 1.0.0"


def test_a_shadow_that_was_given_up_is_nothing_to_be_compared_with(
    platform: Platform, stored: list[str]
) -> None:
    given_up = pose_counts("2.0.0", more=2, shadow=True)
    having(platform, pose_counts(), given_up).run(stored, f"shadow/{NAME}")
    next_one = pose_counts("2.1.0", more=3, shadow=True)

    of_metric = found_by(having(platform, pose_counts("1.0.1")))
    of_shadow = found_by(having(platform, pose_counts(), next_one), f"shadow/{NAME}")

    assert of_metric.description == "1.0.1 gives what 1.0.0 gave in 6 logs"
    assert "6 of 6 logs differ from 1.0.0, as a major" in str(of_shadow.description)


def with_scalar(version: str, scalar: pl.Expr) -> Metric:
    return replace(pose_counts(version), summary={"scalar": scalar}, tolerances={})


COUNT = pl.col("count").sum()


@pytest.mark.parametrize(
    ("was", "now", "changed_logs"),
    [
        (COUNT * float("nan"), COUNT * float("nan"), 0),
        (COUNT * float("inf"), COUNT * float("nan"), 0),
        (COUNT * 0.5, COUNT * float("nan"), 6),
        (COUNT.cast(pl.Duration("us")), COUNT.cast(pl.Duration("us")), 0),
        (COUNT.cast(pl.Duration("us")), (COUNT + 1).cast(pl.Duration("us")), 6),
        (COUNT.cast(pl.Datetime("us")), (COUNT + 1).cast(pl.Datetime("us")), 6),
        (pl.lit(None, pl.Boolean).first(), COUNT > 0, 6),
        (pl.lit(None, pl.String).first(), COUNT.cast(pl.String), 6),
        (pl.lit(None, pl.String).first(), pl.lit(None, pl.String).first(), 0),
    ],
    ids=[
        "NaN", "infinite and NaN", "NaN now", "duration", "longer", "later", "flag at last",
        "text at last", "nothing",
    ],
)  # fmt: skip
def test_scalars_are_compared_as_the_store_gives_them(
    platform: Platform, logs: list[str], was: pl.Expr, now: pl.Expr, changed_logs: int
) -> None:
    """It has no NaN, keeps times as text, and doesn't know of what type nothing is."""
    assert having(platform, with_scalar("1.0.0", was)).run(logs, NAME).success

    evaluation = found_by(having(platform, with_scalar("1.0.1", now)))

    assert evaluation.metadata["changed_logs"].value == changed_logs
    assert evaluation.passed is (changed_logs == 0)
    assert "summary" not in str(evaluation.description)


class OtherCounts(MetricFrame):
    """One row per log_id."""

    number: int

    class Config:
        unique = ["log_id"]


@pytest.mark.parametrize(
    ("version", "severity"),
    [("1.0.1", AssetCheckSeverity.ERROR), ("2.0.0", AssetCheckSeverity.WARN)],
)
def test_a_column_of_another_name_is_not_what_was_given(
    platform: Platform, stored: list[str], version: str, severity: AssetCheckSeverity
) -> None:
    @metric(
        version=version,
        rows=OtherCounts,
        owner="testing",
        summary={"number": pl.col("number").sum()},
    )
    def pose_counts(ego_poses: pl.LazyFrame) -> pl.LazyFrame:
        """Count poses."""
        return ego_poses.group_by("log_id").agg(number=pl.len().cast(pl.Int64) + 7)

    evaluation = found_by(having(platform, pose_counts))

    assert (evaluation.passed, evaluation.severity) == (False, severity)
    told = str(evaluation.description)
    assert "column count is gone, column number is new" in told
    assert "summary poses is gone, summary number is new" in told
    assert "gives what" not in told


def test_batches_give_the_same_as_one(
    platform: Platform, stored: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regression, "MOST_BATCHES", 99)
    ours = having(platform, pose_counts("1.1.0", more=2, than=3))

    small, large = (found_by(ours.having(batch_bytes=b)) for b in (1, 2**30))

    assert markdown_of(small) == markdown_of(large)
    assert small.description == large.description


def test_what_would_take_too_long_is_left_out_pinned_logs_last(
    platform: Platform, stored: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regression, "MOST_BATCHES", 2)

    evaluation = found_by(having(platform, pose_counts("1.1.0"), batch_bytes=1))

    assert "4 of the sampled logs were left out" in str(evaluation.description)
    assert (evaluation.metadata["logs"].value, evaluation.metadata["pinned_logs"].value) == (2, 1)


def test_only_some_logs_of_a_fleet_are_compared_and_always_the_same(
    platform: Platform, stored: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(regression, "MOST_LOGS", 2)
    ours = having(platform, pose_counts("1.1.0", more=2))

    first, second = markdown_of(found_by(ours)), markdown_of(found_by(ours))

    assert first == second
    assert "on 3 logs, 1 of them pinned" in first


def test_logs_that_lack_a_recorded_signal_are_left_out_and_told(
    platform: Platform, logs: list[str]
) -> None:
    older = version_of_track_counts("1.0.0")
    assert having(platform, older).run(logs, "track_counts").success
    # Read when there was no such signal, and so it has no outcome of it.
    register(platform, ["read-long-ago"])
    platform.store.write(
        compute(
            older,
            {"tracks": Input(empty_frame(tracks.rows).lazy(), {})},
            ["read-long-ago"],
            fingerprint="f",
        )
    )

    evaluation = found_by(having(platform, version_of_track_counts("1.0.1")), "track_counts")

    assert evaluation.passed
    assert evaluation.description == (
        "1.0.1 gives what 1.0.0 gave in 6 logs. logs that were read before there was a recorded "
        "signal were left out: tracks 2.0.0 in 1"
    )


def version_of_track_counts(version: str) -> Metric:
    return replace(track_counts, version=version)


def test_where_no_log_can_be_compared_that_is_a_warning(
    platform: Platform, logs: list[str]
) -> None:
    assert having(platform, version_of_track_counts("1.0.0")).run(logs, "track_counts").success
    newer = version_of_track_counts("1.0.1")
    read_again = replace(tracks, version="3.0.0")
    ours = platform.having(Catalog([default_catalog()["recordings"], read_again, newer]))

    evaluation = found_by(ours, "track_counts")

    assert not evaluation.passed
    assert evaluation.severity is AssetCheckSeverity.WARN
    assert evaluation.description == (
        "no log can be computed to compare 1.0.1 with 1.0.0. logs that were read before there was "
        "a recorded signal were left out: tracks 3.0.0 in 6"
    )


def runs_check(platform: Platform, logs: Sequence[str]) -> tuple[str, AssetCheckEvaluation]:
    """Run the metric over logs, as the sensor does, and return the run and what was told."""
    result = platform.run(logs, NAME)
    assert result.success
    [told] = [e for e in result.get_asset_check_evaluations() if e.check_name == "regression"]
    return result.run_id, told


def test_runs_over_new_logs_repeat_what_was_told_of_the_same_code(
    platform: Platform, stored: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    ours = having(platform, pose_counts("1.1.0", more=2))

    first, told = runs_check(ours, stored[:2])
    _, again = runs_check(ours, stored[2:3])
    _, and_again = runs_check(ours, stored[3:4])

    assert "comparison" in told.metadata
    for repeated in (again, and_again):
        assert "comparison" not in repeated.metadata
        assert repeated.metadata["told_in"].value == first
        assert repeated.metadata["changed_logs"].value == 6
        assert (repeated.passed, repeated.severity, repeated.description) == (
            told.passed, told.severity, told.description,
        )  # fmt: skip
    # Started on its own, on other code, and a day later it is told anew.
    assert "comparison" in found_by(ours).metadata
    other, of_other = runs_check(having(platform, pose_counts("1.1.0", more=3)), stored[:1])
    assert of_other.metadata["told_in"].value == other
    monkeypatch.setattr(regression_check, "_REPEATED_FOR", timedelta(0))
    later, told_later = runs_check(having(platform, pose_counts("1.1.0", more=3)), stored[:1])
    assert told_later.metadata["told_in"].value == later


def test_another_tolerance_and_another_pinned_log_are_told_anew(
    platform: Platform, stored: list[str]
) -> None:
    _, told = runs_check(having(platform, pose_counts("1.1.0", more=2)), stored[:1])
    tolerant = having(platform, pose_counts("1.1.0", more=2, tolerance=2.0))
    _, under_another = runs_check(tolerant, stored[:1])
    platform.store.registry.mark_read([ReadLog(stored[3], tags={"pinned": "true"})])
    _, with_another = runs_check(tolerant, stored[:1])

    assert (told.passed, under_another.passed) == (False, True)
    assert [e.metadata["pinned_logs"].value for e in (under_another, with_another)] == [1, 2]


def test_pinned_logs_that_are_left_out_are_told(
    platform: Platform, stored: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    register(platform, ["read-of-late"])
    pinned = [ReadLog(log_id, tags=["pinned"]) for log_id in ["read-of-late", *stored[1:4]]]
    platform.store.registry.mark_read(pinned)
    monkeypatch.setattr(regression, "MOST_LOGS", 3)
    monkeypatch.setattr(regression, "MOST_BATCHES", 2)

    told = str(found_by(having(platform, pose_counts("1.1.0"), batch_bytes=1)).description)

    assert "pinned logs without a result of 1.0.0 were left out: 1" in told
    assert "pinned logs beyond the first 3 were left out: 1" in told
    assert "3 of the sampled logs (1 of them pinned) were left out" in told


def test_a_picture_that_cannot_be_drawn_costs_no_more_than_that(
    platform: Platform, stored: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(comparison_picture, "_DPI", 0)

    evaluation = found_by(having(platform, pose_counts("1.1.0", more=2)))

    assert "6 of 6 logs differ from 1.0.0" in str(evaluation.description)
    assert "the picture could not be drawn: " in str(evaluation.description)
    assert "| `poses` | 6 |" in markdown_of(evaluation)


def test_a_fault_of_the_comparison_is_told_and_harms_no_run(
    platform: Platform, stored: list[str]
) -> None:
    """Somebody has replaced the older version's file by one that makes no sense."""
    [file] = (Path(platform.settings.root) / "log" / NAME).rglob("*.parquet")
    pl.read_parquet(file).with_columns(count=pl.col("count").cast(pl.String)).select(
        pl.lit(1).alias("log_id"), count=pl.struct("count")
    ).write_parquet(file)

    run_id, told = runs_check(having(platform, pose_counts("1.1.0", more=2)), stored)

    assert not told.passed
    assert told.severity is AssetCheckSeverity.ERROR
    assert re.search(
        r"comparing 1\.1\.0 \(\w+\) against 1\.0\.0 failed: \w+Error: ", str(told.description)
    )
    messages = [entry.user_message for entry in platform.instance.all_logs(run_id)]
    assert any(f"{NAME}: comparing 1.1.0" in message for message in messages)
