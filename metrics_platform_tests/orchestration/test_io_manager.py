"""What an asset yields goes to the store, in batches, and comes back as inputs."""

import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from dagster import AssetIn, AssetKey, AssetSpec, MaterializeResult, asset, materialize
from polars.testing import assert_frame_equal

from metrics_platform.core.catalog import default_catalog
from metrics_platform.orchestration.assets import IO_MANAGER
from metrics_platform.orchestration.io_manager import StoreIOManager
from metrics_platform.orchestration.partitions import LOG, log_partitions, tags_of_range
from metrics_platform_tests.orchestration.platform import Platform, metadata_of, store_recorded


def files(platform: Platform, name: str) -> list[Path]:
    return sorted((Path(platform.settings.root) / "log" / name).rglob("*.parquet"))


def _size_bytes(platform: Platform, run_id: str, name: str) -> int:
    """Return how large the metadata of one materialization is in the event log."""
    storage = platform.instance.event_log_storage
    [record, *_] = storage.fetch_materializations(AssetKey([LOG, name]), limit=1).records
    assert record.run_id == run_id
    materialization = record.asset_materialization
    assert materialization is not None
    return len(json.dumps({k: str(v.value) for k, v in materialization.metadata.items()}))


def test_metadata_of_five_hundred_logs_is_small(platform: Platform) -> None:
    logs = store_recorded(platform.store, 500)

    result = platform.run(logs, "ego_states", "distance_driven", "hard_brakes")

    assert result.success
    found = metadata_of(result, "log__distance_driven")
    assert found["rows"] == 500
    assert found["coverage"] == "500 of 500 logs"
    assert (found["abstained"], found["failed"], found["logs_unchanged"]) == (0, 0, 0)
    assert found["files"].startswith("log/distance_driven/v")
    assert "data:image/png;base64," in found["summary"]
    assert "over 500 logs" in found["summary"]
    for name in ("ego_states", "distance_driven", "hard_brakes"):
        assert _size_bytes(platform, result.run_id, name) < 4_096


def test_one_batch_is_one_file_and_memory_decides_how_many(platform: Platform) -> None:
    logs = store_recorded(platform.store, 12)
    at_once = platform.run(logs, "ego_states")
    assert len(files(platform, "ego_states")) == 1
    together = platform.store.scan("ego_states").collect().sort("log_id", "timestamp_ns")

    # 21 poses of 10 columns, 32 bytes each, in every log: three of them fit.
    little = platform.having(batch_bytes=25_000)
    result = little.run(logs, "distance_driven")

    assert at_once.success
    assert result.success
    written = files(platform, "distance_driven")
    assert 1 < len(written) < 12
    distances = platform.store.scan("distance_driven").collect().sort("log_id")
    assert metadata_of(result, "log__distance_driven")["files"].count(".parquet") == len(written)
    assert metadata_of(result, "log__distance_driven")["rows"] == 12
    # The same again from scratch, in batches of one log.
    alone = platform.having(batch_bytes=1).run(logs, "ego_states", "distance_driven")
    assert metadata_of(alone, "log__ego_states")["logs_unchanged"] == 12
    # Sums of floats depend on how the batch is cut, in their last bit.
    assert_frame_equal(
        platform.store.scan("distance_driven").collect().sort("log_id"), distances, rel_tol=1e-12
    )
    again = platform.store.scan("ego_states").collect().sort("log_id", "timestamp_ns")
    assert again.equals(together)


def test_an_unchanged_run_moves_nothing(platform: Platform) -> None:
    logs = store_recorded(platform.store, 5)
    platform.run(logs, "ego_states", "hard_brakes")
    before = {name: files(platform, name) for name in ("ego_states", "hard_brakes")}
    history = platform.store.history("hard_brakes", logs[0])

    result = platform.run(logs, "ego_states", "hard_brakes")

    assert {name: files(platform, name) for name in before} == before
    assert platform.store.history("hard_brakes", logs[0]).equals(history)
    found = metadata_of(result, "log__hard_brakes")
    assert (found["logs_unchanged"], found["files"]) == (5, "none")


def test_every_log_of_a_run_has_an_outcome(platform: Platform) -> None:
    logs = store_recorded(platform.store, 9)
    result = platform.run([*logs, "never-read"], "ego_states", "actor_pairs")

    assert result.success
    statuses = platform.statuses("actor_pairs")
    assert statuses.keys() == {*logs, "never-read"}
    assert statuses["never-read"] == "abstained"
    reasons = platform.store.outcomes("actor_pairs").select("log_id", "reason").rows()
    assert "no tracks: never computed for this log" in dict(reasons)["never-read"]


def _upstream(name: str) -> AssetSpec:
    return AssetSpec([LOG, name], partitions_def=log_partitions)


@pytest.mark.parametrize("chosen", [slice(2, 5), slice(3, 4)], ids=["a range", "one log"])
def test_an_asset_of_ones_own_gets_the_rows_of_its_logs(platform: Platform, chosen: slice) -> None:
    logs = store_recorded(platform.store, 8)
    platform.instance.add_dynamic_partitions(LOG, logs)
    seen: list[str] = []

    @asset(
        ins={"ego_poses": AssetIn(key=[LOG, "ego_poses"], input_manager_key=IO_MANAGER)},
        partitions_def=log_partitions,
    )
    def mine(ego_poses: pl.LazyFrame) -> MaterializeResult[Any]:
        seen.extend(ego_poses.select("log_id").unique().collect()["log_id"])
        return MaterializeResult()

    manager = StoreIOManager(platform.settings, default_catalog())
    wanted = logs[chosen]
    result = materialize(
        [mine, _upstream("ego_poses")],
        instance=platform.instance,
        resources={IO_MANAGER: manager},
        tags=tags_of_range(wanted[0], wanted[-1]),
    )

    assert result.success
    assert sorted(seen) == wanted


def test_an_asset_without_partitions_gets_the_rows_of_all_logs(platform: Platform) -> None:
    logs = store_recorded(platform.store, 4)
    platform.instance.add_dynamic_partitions(LOG, logs)
    seen: list[str] = []

    @asset(ins={"ego_poses": AssetIn(key=[LOG, "ego_poses"], input_manager_key=IO_MANAGER)})
    def report(ego_poses: pl.LazyFrame) -> MaterializeResult[Any]:
        seen.extend(ego_poses.select("log_id").unique().collect()["log_id"])
        return MaterializeResult()

    manager = StoreIOManager(platform.settings, default_catalog())
    materialize(
        [report, _upstream("ego_poses")],
        instance=platform.instance,
        resources={IO_MANAGER: manager},
    )

    assert sorted(seen) == logs


def test_a_signal_that_has_no_rows_yet_is_an_empty_frame_of_its_schema(platform: Platform) -> None:
    seen: list[pl.Schema] = []

    @asset(ins={"tracks": AssetIn(key=[LOG, "tracks"], input_manager_key=IO_MANAGER)})
    def report(tracks: pl.LazyFrame) -> MaterializeResult[Any]:
        seen.append(tracks.collect().schema)
        return MaterializeResult()

    manager = StoreIOManager(platform.settings, default_catalog())
    materialize(
        [report, _upstream("tracks")], instance=platform.instance, resources={IO_MANAGER: manager}
    )

    assert seen[0]["velocity_x_mps"] == pl.Float64
