"""Tables for people: nothing is cut short, whatever the width of the terminal."""

import io
from pathlib import Path

import polars as pl
import pytest
from polars.testing import assert_frame_equal
from rich.console import Console

from metrics_platform.core.errors import ConfigurationError
from metrics_platform.delivery.tables import coverage_line, log_overview, print_frame, write_frame

FRAME = pl.DataFrame(
    {
        "log_id": ["2026-11-16_0855_car-02", "2026-11-16_1212_robot-01"],
        "status": ["computed", "abstained"],
        "distance_m": [1_234_567.8912, None],
        "hard_brakes": [12, None],
        "peak_deceleration_mps2": [9.8765, None],
        "comfortable": [True, None],
    }
)


def printed(frame: pl.DataFrame, width: int, *, most: int | None = None) -> str:
    text = io.StringIO()
    print_frame(Console(file=text, width=width), frame, "Title", most=most)
    return text.getvalue()


@pytest.mark.parametrize("width", [20, 30, 40, 60, 80, 160])
def test_no_number_is_cut_short(width: int) -> None:
    text = printed(FRAME, width)

    for cell in ("1,234,567.891", "12", "9.877", "yes"):
        assert cell in text
    # Words may be folded.
    for name in ("distance_m", "peak_deceleration_mps2", "2026-11-16_0855_car-02"):
        assert name in text or name[:12] in text
    assert max(len(line) for line in text.splitlines()) <= width
    assert "…" not in text


def test_a_narrow_table_repeats_the_first_column() -> None:
    assert printed(FRAME, 200).count("2026-11-16_0855_car-02") == 1
    assert printed(FRAME, 50).count("2026-11-16_0855_car-02") > 1


def test_what_is_not_there_is_a_dash() -> None:
    assert printed(FRAME, 160).splitlines()[-2].split() == [
        "2026-11-16_1212_robot-01", "abstained", "-", "-", "-", "-",
    ]  # fmt: skip


def test_rows_left_out_are_counted() -> None:
    frame = pl.DataFrame({"log_id": [f"log-{n}" for n in range(5)]})

    assert "3 more rows; --output FILE.csv writes them all" in printed(frame, 80, most=2)
    assert "more rows" not in printed(frame, 80, most=5)


def test_markup_in_a_reason_is_only_text() -> None:
    frame = pl.DataFrame({"log_id": ["a"], "reason": ["[red]no[/] such thing as [/nothing]"]})

    assert "[red]no[/] such thing as [/nothing]" in printed(frame, 80)


def test_a_long_reason_is_folded_and_at_last_cut() -> None:
    frame = pl.DataFrame({"log_id": ["a"], "reason": ["word " * 100]})
    text = printed(frame, 80)

    assert max(len(line) for line in text.splitlines()) <= 80
    assert text.count("word") == 48
    assert "…" in text


@pytest.mark.parametrize(
    ("statuses", "line"),
    [
        ([], "0 of 0 logs computed"),
        (["computed"] * 3, "3 of 3 logs computed"),
        (
            ["computed", "failed", "abstained", "failed"],
            "1 of 4 logs computed, 1 abstained, 2 failed",
        ),
    ],
    ids=["none", "all", "each"],
)
def test_coverage_in_a_sentence(statuses: list[str], line: str) -> None:
    assert coverage_line(statuses) == line


@pytest.mark.parametrize("suffix", ["csv", "json", "parquet"])
def test_a_frame_comes_back_from_a_file(tmp_path: Path, suffix: str) -> None:
    path = tmp_path / f"out.{suffix}"
    write_frame(FRAME, path)

    back = getattr(pl, f"read_{suffix}")(path)
    assert_frame_equal(back, FRAME)


def test_a_list_is_shown_and_written_as_its_values(tmp_path: Path) -> None:
    frame = pl.DataFrame(
        {"log_id": ["a", "b"], "sums": [[1.5, 0.25], []], "counts": [[1, 2], None]}
    )
    assert "1.500, 0.250" in printed(frame, 80)
    write_frame(frame, tmp_path / "out.csv")
    assert (tmp_path / "out.csv").read_text().splitlines() == [
        "log_id,sums,counts",
        "a,1.5 0.25,1 2",
        'b,"",',
    ]


def test_an_ending_that_names_no_format_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigurationError, match=r"must end in one of \.csv, \.json, \.parquet"):
        write_frame(FRAME, tmp_path / "out.xlsx")


def test_rejected_sources_stand_below_the_logs() -> None:
    columns = ("log_id", "state", "format", "release", "vehicle", "place", "request_key", "reason")
    logs = pl.DataFrame(
        [("a", "requested", "mcap", None, None, None, "k", None)],
        schema=dict.fromkeys(columns, pl.String),
        orient="row",
    ).with_columns(
        revision=pl.lit(1), duration_s=pl.lit(None, pl.Float64), truncated=pl.lit(None, pl.Boolean)
    )
    rejected = pl.DataFrame({"source": ["../x.mcap"], "reason": ["no log id"]})

    overview = log_overview(logs, rejected)

    assert overview.select("log_id", "state", "in_run", "reason").rows() == [
        ("a", "requested", True, None),
        ("../x.mcap", "rejected", None, "no log id"),
    ]
