"""The picture of two versions: which scalar it shows, small, and told apart without colour."""

import base64
import io
import re

import numpy as np
import polars as pl
from PIL import Image

from metrics_platform.delivery.comparison_picture import comparison_picture

BEFORE = pl.DataFrame(
    {
        "log_id": [f"log-{n}" for n in range(200)],
        "gap_m": [n / 7 for n in range(200)],
        "events": list(range(200)),
        "flag": [True] * 200,
    }
)


def _image(markdown: str | None) -> Image.Image:
    encoded = re.fullmatch(r"!\[[^]]+\]\(data:image/png;base64,(\S+)\)", markdown or "")
    assert encoded
    return Image.open(io.BytesIO(base64.b64decode(encoded[1])))


def test_the_scalar_that_changed_in_most_logs_is_drawn() -> None:
    after = BEFORE.with_columns(
        gap_m=pl.when(pl.col("events") > 100).then(pl.col("gap_m") + 1).otherwise("gap_m"),
        events=pl.when(pl.col("events") == 3).then(9).otherwise("events"),
    )

    markdown = comparison_picture(BEFORE, after, ["events", "gap_m", "flag"])

    assert markdown is not None
    assert markdown.startswith("![gap_m, before against after]")
    assert len(markdown) < 30_000
    image = np.asarray(_image(markdown).convert("RGB"))
    assert (image[..., 0] == image[..., 1]).all()
    assert (image[..., 1] == image[..., 2]).all()
    assert image.std() > 10


def test_the_same_values_give_the_same_bytes_and_the_order_of_logs_says_nothing() -> None:
    after = BEFORE.with_columns(pl.col("gap_m") * 1.1)

    drawn = comparison_picture(BEFORE, after, ["gap_m"])

    assert comparison_picture(BEFORE, after, ["gap_m"]) == drawn
    moved = comparison_picture(BEFORE, after.with_columns(pl.col("gap_m") * 1.1), ["gap_m"])
    assert moved != drawn


def test_what_is_not_finite_is_left_out() -> None:
    some = [None, float("nan"), float("inf")]
    after = BEFORE.with_columns(pl.col("gap_m") + 1)
    holes = after.with_columns(gap_m=pl.Series([*some, *after["gap_m"][3:]]))

    drawn = comparison_picture(BEFORE, holes, ["gap_m"])

    assert drawn == comparison_picture(BEFORE[3:], after[3:], ["gap_m"])
    assert comparison_picture(BEFORE[:3], holes[:3], ["gap_m"]) is None


def test_flags_single_logs_and_huge_numbers_can_be_drawn() -> None:
    one = pl.DataFrame({"log_id": ["a"], "flag": [True], "x": [1e300]})
    other = pl.DataFrame({"log_id": ["a"], "flag": [False], "x": [-1e300]})

    assert _image(comparison_picture(one, other, ["flag"])).width > 100
    assert _image(comparison_picture(one, other, ["x"])).width > 100


def test_where_no_value_changed_there_is_nothing_to_draw() -> None:
    after = BEFORE.with_columns(gap_m=pl.lit(None, dtype=pl.Float64))

    assert comparison_picture(BEFORE, BEFORE, ["gap_m", "events"]) is None
    assert comparison_picture(BEFORE, after, ["gap_m"]) is None
    assert comparison_picture(BEFORE.clear(), BEFORE.clear(), ["gap_m"]) is None
