"""Tracking in space, by hand, on synthetic logs and on a real tracker's output."""

from collections.abc import Iterable, Mapping

import polars as pl
import pytest

from metrics_platform.core import Status
from metrics_platform.core.frames import polars_schema
from metrics_platform.metrics.object_tracking import object_tracking, pooled
from metrics_platform.signals.tracks import Tracks
from metrics_platform.testing.inputs import compute_on
from metrics_platform_tests.data import data_path
from metrics_platform_tests.image_boxes import STEP_NS, TRACKER, TRUTH, rows_of
from metrics_platform_tests.metrics.conftest import RealLogs

# motmetrics 1.4.0 on the distances of the real log's centres, pairs at 2 m or farther left out.
MOTMETRICS: Mapping[str, float] = {
    "misses_count": 1467,
    "false_positives_count": 4281,
    "switches_count": 140,
    "fragmentations_count": 40,
    "mostly_tracked_count": 38,
    "partially_tracked_count": 20,
    "mostly_lost_count": 60,
    "motp_distance_m": 0.3205790612157664,
    "mota_ratio": -1.1317885590152064,
    "idf1_ratio": 0.23410889901655074,
    "idp_ratio": 0.1750358680057389,
    "idr_ratio": 0.35336712527154235,
    "recall_ratio": 0.4688631426502534,
    "precision_ratio": 0.23224533715925394,
}

# Source, id, moment, x, y, category.
Road = tuple[str, str, int, float, float, str]


def tracks_of(rows: Iterable[Road]) -> pl.DataFrame:
    schema = polars_schema(Tracks)
    empty: dict[str, object] = dict.fromkeys(schema)
    size = {"z_m": 0.0, "heading_rad": 0.0, "length_m": 4.0, "width_m": 2.0, "height_m": 1.5}
    made = [
        {
            **empty,
            **size,
            "log_id": "log",
            "source": source,
            "track_id": track_id,
            "timestamp_ns": moment * STEP_NS,
            "x_m": x,
            "y_m": y,
            "category": category,
        }
        for source, track_id, moment, x, y, category in rows
    ]
    return pl.DataFrame(made, schema=schema)


def pair(distance_m: float, category: str = "car", at: int = 0) -> list[Road]:
    return [(TRUTH, "a", at, 0.0, 0.0, "car"), (TRACKER, "x", at, 0.0, distance_m, category)]


@pytest.mark.parametrize(
    ("rows", "matched", "motp_m"),
    [
        pytest.param(pair(0.0), 1, 0.0, id="same_place"),
        pytest.param(pair(1.5), 1, 1.5, id="near"),
        pytest.param(pair(1.999999), 1, 1.999999, id="just_near_enough"),
        pytest.param(pair(2.0), 0, None, id="at_the_threshold"),
        pytest.param(pair(-1.5), 1, 1.5, id="across_a_cell"),
        pytest.param(pair(1.0, "truck"), 1, 1.0, id="of_another_category"),
    ],
)
def test_distances(rows: list[Road], matched: int, motp_m: float | None) -> None:
    for origin_m in (0.0, 1e6):
        tracks = tracks_of(rows).with_columns(pl.col("x_m", "y_m") + origin_m)
        row = rows_of(object_tracking(tracks.lazy())).row(
            by_predicate=pl.col("category") == "all", named=True
        )
        assert row["true_positives_count"] == matched
        assert row["motp_distance_m"] == (
            motp_m if motp_m is None else pytest.approx(motp_m, abs=1e-6)
        )
        if motp_m is not None:
            assert row["motp_similarity_ratio"] == pytest.approx(1 - motp_m / 4)


def test_categories_are_judged_apart_and_together() -> None:
    rows = rows_of(object_tracking(tracks_of(pair(1.0, "truck")).lazy()))
    columns = ("category", "true_positives_count", "misses_count", "false_positives_count")
    assert rows.select(columns).sort("category").rows() == [
        ("all", 1, 0, 0),
        ("car", 0, 1, 0),
        ("truck", 0, 0, 1),
    ]


def test_moments_at_which_a_tracker_is_silent() -> None:
    # Annotated at 10 Hz, tracked at 5 Hz, and a box of the tracker where nothing is annotated.
    rows = [*pair(0.5), (TRUTH, "a", 1, 0.0, 0.0, "car"), *pair(0.5, at=2)]
    rows.append((TRACKER, "x", 3, 0.0, 0.0, "car"))
    tracks = tracks_of(rows).lazy()
    counts = ("true_positives_count", "misses_count", "false_positives_count")
    both, annotated = (
        rows_of(object_tracking(tracks, both_sides=both_sides)).filter(category="all")
        for both_sides in (True, False)
    )
    assert both.select(counts).rows() == [(2, 0, 0)]
    assert annotated.select(counts).rows() == [(2, 1, 1)]


def test_a_switch_costs_identity_and_association() -> None:
    rows: list[Road] = [(TRUTH, "a", at, 10.0 * at, 0.0, "car") for at in range(4)]
    rows += [(TRACKER, str(at // 2), at, 10.0 * at, 0.0, "car") for at in range(4)]
    (row,) = rows_of(object_tracking(tracks_of(rows).lazy())).filter(category="all").to_dicts()
    assert (row["switches_count"], row["mota_ratio"]) == (1, 0.75)
    assert (row["idf1_ratio"], row["idp_ratio"], row["idr_ratio"]) == (0.5, 0.5, 0.5)
    assert (row["det_a_ratio"], row["ass_a_ratio"]) == (pytest.approx(1), pytest.approx(0.5))
    assert row["hota_ratio"] == pytest.approx(0.5**0.5)


@pytest.mark.parametrize(
    ("rows", "reason"),
    [
        pytest.param([pair(0.0)[0]], "no tracker", id="annotation_only"),
        pytest.param([pair(0.0)[1]], "nothing is annotated", id="tracker_only"),
        pytest.param([pair(0.0)[0], pair(0.0, at=1)[1]], "no moment has boxes", id="never_both"),
    ],
)
def test_logs_that_abstain(rows: list[Road], reason: str) -> None:
    made = compute_on({"tracks": tracks_of(rows)}, "object_tracking")
    assert made.rows.is_empty()
    assert made.outcomes["log"].status is Status.ABSTAINED
    assert reason in (made.outcomes["log"].reason or "")


def test_pooled_over_logs() -> None:
    logs = [
        tracks_of(pair(distance)).with_columns(log_id=pl.lit(name))
        for name, distance in (("a", 1.0), ("b", 0.5), ("c", 3.0))
    ]
    rows = rows_of(object_tracking(pl.concat(logs).lazy())).filter(category="all")
    (row,) = pooled(rows.lazy(), ["source", "category"]).collect().to_dicts()
    assert row["motp_distance_m"] == pytest.approx(0.75)
    assert row["mota_ratio"] == pytest.approx(1 - 2 / 3)
    assert list(row) == [name for name in rows.columns if name != "log_id"]


def test_a_real_tracker_on_a_real_log(real_logs: RealLogs) -> None:
    truth = real_logs("3b3570b4")["tracks"]
    found = _predicted(truth)
    (row,) = (
        rows_of(object_tracking(pl.concat([truth, found]).lazy())).filter(category="all").to_dicts()
    )
    assert row["found_count"] == len(found) == 5_576
    moments = found["timestamp_ns"].unique()
    assert row["truth_count"] == len(truth.filter(pl.col("timestamp_ns").is_in(moments)))
    for name, expected in MOTMETRICS.items():
        assert row[name] == pytest.approx(expected, rel=1e-9), name


def _predicted(truth: pl.DataFrame) -> pl.DataFrame:
    (file,) = data_path("argoverse2", "predictions").glob("*.parquet")
    boxes = pl.read_parquet(file)
    schema = truth.schema
    renamed = boxes.rename({"label": "category", "yaw_rad": "heading_rad"})
    absent = [pl.lit(None).alias(name) for name in schema if name not in renamed.columns]
    return (
        renamed.with_columns(absent)
        .with_columns(log_id=pl.lit(truth["log_id"][0]), source=pl.lit(TRACKER))
        .select(list(schema))
        .cast(schema)
    )
