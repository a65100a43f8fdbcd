"""What a tracker of synthetic image boxes gets wrong is what the module says."""

import polars as pl
import pytest

from metrics_platform.metrics.kitti_tracking import kitti_tracking
from metrics_platform.metrics.mot_tracking import mot_tracking
from metrics_platform.testing.image_boxes import (
    INVENTED_EVERY,
    MISSED_EVERY,
    RIVAL,
    SOURCE,
    SWITCHED_FROM,
    TRUNCATED_EVERY,
    image_boxes,
)
from metrics_platform.testing.synthetic import scenario
from metrics_platform_tests.image_boxes import rows_of

# Cars 0, 1 and 3 and the pedestrian 2, over 61 moments.
TRACKS, MOMENTS = 4, 61


@pytest.fixture(scope="module")
def boxes() -> pl.DataFrame:
    frames = scenario("cruise", log_id="log", seconds=6, bystanders=TRACKS)
    return image_boxes(frames)["image_boxes"]


def count(every: int, *also: int) -> int:
    """Return at how many moments it is the turn of the first, and not of the others."""
    return sum(
        moment % every == every - 1 and all(moment % other != other - 1 for other in also)
        for moment in range(MOMENTS)
    )


def test_by_the_rules_of_mot(boxes: pl.DataFrame) -> None:
    walking = boxes.with_columns(category=pl.lit("pedestrian"))
    (row,) = rows_of(mot_tracking(walking.lazy())).filter(source=SOURCE).to_dicts()
    assert row["truth_count"] == TRACKS * MOMENTS
    assert row["misses_count"] == TRACKS * count(MISSED_EVERY)
    assert row["false_positives_count"] == TRACKS * count(INVENTED_EVERY)
    assert row["switches_count"] == TRACKS
    # Before the switch one moment is missed, so that the id lasts for one box less.
    before = SWITCHED_FROM - SWITCHED_FROM // MISSED_EVERY
    found = MOMENTS - count(MISSED_EVERY)
    assert row["identity_true_positives_count"] == TRACKS * (found - before)


def test_by_the_rules_of_kitti(boxes: pl.DataFrame) -> None:
    rows = rows_of(kitti_tracking(boxes.lazy())).filter(source=SOURCE)
    truncated = count(TRUNCATED_EVERY)
    assert rows["truth_count"].sum() == TRACKS * (MOMENTS - truncated)
    missed = count(MISSED_EVERY, TRUNCATED_EVERY)
    assert rows["misses_count"].sum() == TRACKS * missed
    # What is invented below the first track lies in the region.
    assert rows["false_positives_count"].sum() == (TRACKS - 1) * count(INVENTED_EVERY)


def test_the_rival_leaves_a_choice(boxes: pl.DataFrame) -> None:
    (row,) = (
        rows_of(mot_tracking(boxes.with_columns(category=pl.lit("pedestrian")).lazy()))
        .filter(source=RIVAL)
        .to_dicts()
    )
    assert row["misses_count"] == 0
    assert row["false_positives_count"] > TRACKS * MOMENTS / 2
