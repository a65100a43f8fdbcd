"""`metrics-platform run`, as an author uses it; recordings and errors are in `test_cli`."""

from pathlib import Path

import polars as pl
import pytest

from metrics_platform.testing.synthetic import scenario
from metrics_platform.testing.table_writer import write_tables
from metrics_platform_tests.authoring.projects import changed, installed
from metrics_platform_tests.test_cli import Done, run

PNG = b"\x89PNG\r\n\x1a\n"


def _run(tmp_path: Path, *arguments: object) -> Done:
    """Run it where no server may be started."""
    home = tmp_path / "home"
    done = run({"METRICS_PLATFORM_HOME": str(home)}, "run", *arguments)
    assert not home.exists()
    return done


def _rows(tmp_path: Path, *arguments: object) -> pl.DataFrame:
    output = tmp_path / "rows.parquet"
    done = _run(tmp_path, *arguments, "--output", output)
    assert done.status == 0, done.err
    return pl.read_parquet(output)


def test_made_up_logs_give_what_is_known_of_them(tmp_path: Path) -> None:
    asked = ("--synthetic", "cut_in", "--synthetic", "cut_in:gap_m=8,closing_mps=4")

    rows = _rows(tmp_path, "time_to_collision", *asked)

    # gap / closing; 15 m and 3 m/s are usual.
    assert rows.select("log_id", pl.col("min_ttc_s").round(6)).rows() == [
        ("cut_in", 5.0),
        ("cut_in:gap_m=8 closing_mps=4", 2.0),
    ]


def test_what_makes_up_any_scenario_can_be_given(tmp_path: Path) -> None:
    rows = _rows(tmp_path, "tracks", "--synthetic", "cruise:seconds=4,bystanders=3")

    assert rows["track_id"].n_unique() == 3
    assert (rows["timestamp_ns"].max() - rows["timestamp_ns"].min()) * 1e-9 <= 4.0  # type: ignore[operator]


def test_a_metric_that_compares_gets_what_it_compares_with(tmp_path: Path) -> None:
    rows = _rows(tmp_path, "object_tracking", "--synthetic", "cut_in")

    assert rows["truth_count"].to_list()[0] > 0


def test_a_corpus_is_a_folder_of_the_project(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "pyproject.toml").write_text('[project]\nname = "ours"\n', encoding="utf-8")
    write_tables(tmp_path / "corpora" / "mine" / "cruise", scenario("cruise"))
    (tmp_path / "below").mkdir()
    monkeypatch.chdir(tmp_path / "below")

    rows = _rows(tmp_path, "distance_driven", "--corpus", "mine")
    wrong = _run(tmp_path, "distance_driven", "--corpus", "mind")

    assert rows["log_id"].to_list() == ["cruise"]
    assert wrong.status == 1
    assert "no corpus named 'mind'; did you mean 'mine'?" in " ".join(wrong.err.split())


def test_a_setting_takes_the_place_of_its_default(tmp_path: Path) -> None:
    asked = ("hard_brakes", "--synthetic", "hard_brake:deceleration_mps2=6")

    assert len(_rows(tmp_path, *asked)) == 1
    assert len(_rows(tmp_path, *asked, "--set", "threshold_mps2=6.5")) == 0
    assert len(_rows(tmp_path, *asked, "--set", "threshold_mps2=5.5")) == 1


@pytest.mark.parametrize(
    ("arguments", "sentence"),
    [
        ([], "say what to run on: --log PATH, --synthetic SCENARIO or --corpus NAME"),
        (["--synthetic", "cut_in", "--corpus", "synthetic"], "got --synthetic and --corpus"),
        (["--synthetic", "cut_inn"], "no scenario named 'cut_inn'; did you mean 'cut_in'?"),
        (["--synthetic", "cut_in:gap=8"], "no parameter of scenario cut_in named 'gap'; did you m"),
        (["--synthetic", "cut_in:gap_m"], "such as cut_in:gap_m=8, got 'gap_m' in 'cut_in:gap_m'"),
        (["--synthetic", "turn", "--synthetic", "turn"], "is asked for twice"),
        (["--synthetic", "turn", "--set", "treshold_mps2=2"], "did you mean 'threshold_mps2'?"),
        (["--synthetic", "turn", "--set", "threshold_mps2"], "--set takes name=value, got 'thr"),
        (["--synthetic", "turn", "--set", "threshold_mps2=hard"], "is a float, such as its"),
        (["--synthetic", "turn", "--plot", "x.gif"], "must end in one of .png, .html"),
        (["--synthetic", "turn", "--plot", "no/x.png"], "cannot write no/x.png: there is no f"),
        (["--synthetic", "turn", "--output", "no/x.csv"], "cannot write no/x.csv: there is no"),
        (["--synthetic", "turn", "--output", "x.xls"], "must end in one of .csv, .json, .parquet"),
        (["--synthetic", "turn", "--output", "dir.csv"], "cannot write dir.csv: "),
        (["--synthetic", "turn", "--plot", "dir.html"], "cannot write dir.html: "),
        (["--synthetic", "turn", "--set", "thres=3"], "did you mean 'threshold_mps2'?"),
        (["--synthetic", "turn", "--plot", "x.png", "--plot-log", "tunr"], "did you mean 'turn'?"),
    ],
)  # fmt: skip
def test_what_cannot_be_is_one_sentence(
    tmp_path: Path, arguments: list[str], sentence: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    for name in ("dir.csv", "dir.html"):
        (tmp_path / name).mkdir()

    done = _run(tmp_path, "hard_brakes", *arguments)

    assert done.status == 1
    assert done.err.startswith("error: ")
    assert sentence in " ".join(done.err.split())
    assert not list(tmp_path.glob("x.*"))


def test_the_log_with_the_worst_value_is_drawn_or_the_one_that_is_asked_for(
    tmp_path: Path,
) -> None:
    asked = ("--synthetic", "cut_in:gap_m=20", "--synthetic", "cut_in:gap_m=8")
    paths = [tmp_path / name for name in ("a.png", "a.html", "b.html")]

    drawn = [_run(tmp_path, "time_to_collision", *asked, "--plot", path) for path in paths[:2]]
    other = _run(tmp_path, "time_to_collision", *asked, "--plot", paths[2], "--plot-log",
                 "cut_in:gap_m=20")  # fmt: skip

    for done in drawn:
        assert "log cut_in:gap_m=8, that of min_ttc_s (of 2 logs; --plot-log draws" in done.out
    assert "log cut_in:gap_m=20 (of 2 logs" in other.out
    assert paths[0].read_bytes().startswith(PNG)
    for path, log_id in ((paths[1], "cut_in:gap_m=8"), (paths[2], "cut_in:gap_m=20")):
        assert f"log {log_id}</h1>" in path.read_text(encoding="utf-8")


def test_where_a_log_fails_so_does_the_command(tmp_path: Path) -> None:
    with installed(tmp_path, changed(("x.max() - x.min()", "x.no_such_thing()"))):
        failed = _run(tmp_path, "ways", "--synthetic", "cruise")

    assert "0 of 1 logs computed, 1 failed" in failed.out
    assert failed.status == 1


def test_a_log_without_an_answer_is_drawn_too(tmp_path: Path) -> None:
    path = tmp_path / "x.png"

    done = _run(tmp_path, "time_to_collision", "--synthetic", "no_tracks", "--plot", path)

    assert done.status == 0, done.err
    assert "0 of 1 logs computed, 1 abstained" in done.out
    assert path.read_bytes().startswith(PNG)
