"""A column that isn't there is told with the dependency that lacks it."""

import polars as pl
import pytest

from metrics_platform.core.unknown_columns import unknown_column

STATES = pl.LazyFrame(schema={"log_id": pl.String, "timestamp_ns": pl.Int64, "speed_mps": pl.Int64})
RECORDINGS = pl.LazyFrame(schema={"log_id": pl.String, "ego_length_m": pl.Int64})
INPUTS = {
    "ego_states": STATES.collect_schema().names(),
    "recordings": RECORDINGS.collect_schema().names(),
}


@pytest.mark.parametrize(
    ("query", "told"),
    [
        pytest.param(
            STATES.select(pl.col("speed")),
            "ego_states has no column 'speed'; did you mean 'speed_mps'? "
            "It has: log_id, timestamp_ns, speed_mps",
            id="nearest",
        ),
        pytest.param(
            RECORDINGS.with_columns(x_m=1.0).filter(pl.col("ego_lenght_m") > 2),
            "recordings has no column 'ego_lenght_m'; did you mean 'ego_length_m'? "
            "It has: log_id, ego_length_m, x_m",
            id="with-more-columns",
        ),
        pytest.param(
            STATES.join(RECORDINGS, on="log_id").select(pl.col("ego_lenght_m")),
            "ego_states with recordings has no column 'ego_lenght_m'; did you mean",
            id="joined",
        ),
        pytest.param(
            STATES.select(pl.col("ego_length_m")),
            "ego_states has no column 'ego_length_m'; recordings has it: join that first.",
            id="of-another",
        ),
        pytest.param(
            STATES.select(a=1, b=2).select("c"),
            "the frame, as it is there, has no column 'c'. It has: a, b",
            id="of-none",
        ),
    ],
)
def test_the_frame_that_lacks_it_is_named(query: pl.LazyFrame, told: str) -> None:
    with pytest.raises(pl.exceptions.ColumnNotFoundError) as caught:
        query.collect()
    assert unknown_column(caught.value, INPUTS).startswith(told)


def test_what_polars_says_otherwise_is_left_as_it_is_but_for_the_plan() -> None:
    error = pl.exceptions.ColumnNotFoundError("no such column\n\nResolved plan until failure: …")
    assert unknown_column(error, INPUTS) == "no such column"
