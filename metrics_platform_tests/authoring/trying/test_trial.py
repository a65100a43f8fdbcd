"""Trials keep what stays the same, and nothing else."""

from pathlib import Path

import pytest

from metrics_platform.authoring.trying.inputs import Inputs, Reading, recordings, situations
from metrics_platform.authoring.trying.trial import Bench
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.errors import UnknownNameError
from metrics_platform.testing.synthetic import scenario
from metrics_platform.testing.table_writer import write_tables
from metrics_platform_tests.authoring.scaffolding.packages import FILES, installed


def _counting(reading: Reading, counted: list[int]) -> Reading:
    def read() -> list[Inputs]:
        counted.append(1)
        return list(reading())

    return read


def test_a_second_trial_reads_nothing_and_computes_only_the_metric() -> None:
    counted: list[int] = []
    bench = Bench("time_to_collision", _counting(situations(["cut_in"]), counted))
    upstream = {d.name for d in default_catalog().upstream("time_to_collision") if d.function}

    first, second = bench.trial(), bench.trial()

    assert len(counted) == 1
    assert first.kept == frozenset()
    assert second.kept == upstream - {"time_to_collision"}
    assert second.made["collision_courses"] is first.made["collision_courses"]
    assert second.result.rows.equals(first.result.rows)


def test_another_fingerprint_upstream_is_computed_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    bench = Bench("time_to_collision", situations(["cut_in"]))
    first = bench.trial()
    changed = {name: fp for name, (fp, _) in bench._results[0].items()}
    bench._results[0]["ego_states"] = ("another", first.made["ego_states"])
    assert set(changed) >= {"ego_states", "actor_pairs"}

    second = bench.trial()

    assert "ego_states" not in second.kept
    assert second.made["ego_states"] is not first.made["ego_states"]


def test_a_shadow_is_tried_by_its_label_and_stands_apart_from_its_metric(tmp_path: Path) -> None:
    way = "acme/metrics/way.py"
    shadow = '''

@metric(version="2.0.0", rows=Ways, owner="acme", summary={"way_m": pl.col("way_m").first()},
        shadow_of="acme_way")
def acme_way_doubled(ego_states: pl.LazyFrame, acme_way: pl.LazyFrame) -> pl.LazyFrame:
    """Twice as far."""
    return acme_way.with_columns(way_m=2 * pl.col("way_m"))
'''
    with installed(tmp_path, {**FILES, way: FILES[way] + shadow}):
        fingerprint = default_catalog().shadow_fingerprints["acme_way"]
        bench = Bench("shadow/acme_way", situations(["cut_in"]), also=["ego_states"])
        first, second = bench.trial(), bench.trial()
        metric = Bench("acme_way", situations(["cut_in"])).trial().result

        with pytest.raises(UnknownNameError, match="did you mean 'shadow/acme_way'"):
            Bench("shadow/acme_wy", situations(["cut_in"])).trial()

    assert (first.result.definition.version, first.result.definition.shadow) == ("2.0.0", True)
    assert set(first.result.fingerprints.values()) == {fingerprint}
    assert first.result.rows["way_m"].to_list() == [2 * way_m for way_m in metric.rows["way_m"]]
    # What it needs is kept; the metric is among it, with its own values.
    assert {"acme_way", "ego_states"} <= second.kept
    assert second.result.rows.equals(first.result.rows)


def test_what_is_forgotten_is_read_anew() -> None:
    counted: list[int] = []
    bench = Bench("hard_brakes", _counting(situations(["hard_brake"]), counted))
    bench.trial()

    bench.forget(unless_up_to_date=True)
    again = bench.trial()

    assert len(counted) == 2
    assert not again.kept


def test_recordings_stay_while_their_reader_would_give_the_same(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    write_tables(tmp_path / "logs" / "hard_brake", scenario("hard_brake"))
    counted: list[int] = []
    reading = recordings([tmp_path / "logs" / "hard_brake"])
    bench = Bench("hard_brakes", _counting(reading, counted))
    bench.trial()

    bench.forget(unless_up_to_date=True)
    assert bench.trial().kept == {"ego_states"}
    assert len(counted) == 1

    # Another configuration is as good as another reader.
    config = tmp_path / "readers.toml"
    config.write_text('ego_poses = ["/nothing"]\n', encoding="utf-8")
    monkeypatch.setenv("METRICS_PLATFORM_READERS", str(config))
    bench.forget(unless_up_to_date=True)
    assert not bench.trial().kept
    assert len(counted) == 2


def test_settings_are_those_of_the_metric_alone() -> None:
    reading = situations(["hard_brake"])
    usual = Bench("hard_brakes", reading).trial()
    other = Bench("hard_brakes", reading, settings=["threshold_mps2=100"]).trial()

    assert len(usual.result.rows) == 1
    assert len(other.result.rows) == 0


def test_a_recorded_signal_is_what_was_read() -> None:
    trial = Bench("tracks", situations(["cut_in"]), also=["ego_states"]).trial()

    assert trial.result.definition.name == "tracks"
    assert len(trial.result.rows) > 0
    assert "ego_states" in trial.made
