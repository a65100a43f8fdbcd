"""Asset checks in real runs, over what is stored and not what was meant to be."""

from pathlib import Path
from typing import Any

import polars as pl
from dagster import AssetCheckEvaluation, AssetCheckSeverity, AssetSelection, TableMetadataValue

from metrics_platform.orchestration.partitions import log_asset_key, tags_of_range
from metrics_platform_tests.orchestration.faulty import (
    FAULTY_LOG,
    catalog_with,
    counts_after,
    sample_counts,
)
from metrics_platform_tests.orchestration.platform import Platform, store_recorded, upload
from metrics_platform_tests.orchestration.revised import pose_counts, small_catalog, track_counts
from metrics_platform_tests.orchestration.test_retries import once_tried_again


def checked(platform: Platform, name: str, *, logs: list[str] | None = None) -> dict[str, Any]:
    """Run the checks of an asset by themselves, over `logs` or over no partition at all."""
    job = platform.definitions.resolve_implicit_global_asset_job_def()
    subset = job.get_subset(
        asset_check_selection=AssetSelection.checks_for_assets(log_asset_key(name)).resolve_checks(
            platform.definitions.resolve_asset_graph()
        ),
        asset_selection=set(),
    )
    result = subset.execute_in_process(
        instance=platform.instance, tags=tags_of_range(logs[0], logs[-1]) if logs else {}
    )
    assert result.success
    return _by_name(result.get_asset_check_evaluations(), name)


def _by_name(evaluations: Any, name: str) -> dict[str, AssetCheckEvaluation]:
    return {e.check_name: e for e in evaluations if e.asset_key == log_asset_key(name)}


def _examples(evaluation: AssetCheckEvaluation) -> list[dict[str, Any]]:
    table = evaluation.metadata["logs_to_look_at"]
    assert isinstance(table, TableMetadataValue)
    return [dict(record.data) for record in table.records]


def test_a_stored_file_that_breaks_the_contract_is_found(platform: Platform) -> None:
    logs = store_recorded(platform.store, 3)
    platform.run(logs, "ego_states")
    [file] = (Path(platform.settings.root) / "log" / "ego_states").rglob("*.parquet")
    rows = pl.read_parquet(file)
    rows.with_columns(speed_mps=-1 - pl.col("speed_mps")).write_parquet(file)

    found = checked(platform, "ego_states")

    assert not found["contract"].passed
    assert found["contract"].severity is AssetCheckSeverity.ERROR
    assert "speed_mps" in str(found["contract"].description)
    assert found["coverage"].passed


def test_checks_of_a_run_are_about_its_logs(platform: Platform) -> None:
    logs = store_recorded(platform.store, 6)
    result = platform.run(logs[:4], "ego_states")

    found = _by_name(result.get_asset_check_evaluations(), "ego_states")

    assert found.keys() == {"contract", "coverage", "up_to_date"}
    assert all(evaluation.passed for evaluation in found.values())
    assert found["coverage"].description == (
        "4 of 4 logs computed, 0 abstained, 0 failed, 0 missing"
    )


def test_by_themselves_they_are_about_all_logs(platform: Platform) -> None:
    logs = store_recorded(platform.store, 6)
    platform.run(logs, "ego_states", "actor_pairs")
    platform.instance.add_dynamic_partitions("log", ["added-later"])

    everything = checked(platform, "ego_states")
    some = checked(platform, "ego_states", logs=logs[:2])

    assert not everything["coverage"].passed
    assert everything["coverage"].description == (
        "6 of 7 logs computed, 0 abstained, 0 failed, 1 missing"
    )
    assert some["coverage"].passed
    rows = platform.store.scan("ego_states").select(pl.len()).collect().item()
    assert everything["contract"].metadata["rows"].value == rows


def test_archived_logs_are_not_counted(platform: Platform) -> None:
    logs = store_recorded(platform.store, 6)
    platform.run(logs, "ego_states")
    for log_id in logs[:2]:
        platform.instance.delete_dynamic_partition("log", log_id)
    platform.instance.add_dynamic_partitions("log", ["added-later"])

    found = checked(platform, "ego_states")

    assert found["coverage"].description == (
        "4 of 5 logs computed, 0 abstained, 0 failed, 1 missing"
    )


def test_rows_that_cannot_be_read_for_a_while_are_checked_later(platform: Platform) -> None:
    logs = store_recorded(platform.store, 3)
    platform.run(logs, "ego_states")
    stored = Path(platform.settings.root) / "log" / "ego_states"
    away = stored.with_name("away")
    stored.rename(away)

    with once_tried_again(platform.instance, lambda: away.rename(stored)):
        found = checked(platform, "ego_states")

    assert found["contract"].passed


def test_coverage_and_value_range_name_the_logs(platform: Platform) -> None:
    p = platform.having(catalog_with(sample_counts, counts_after))
    logs = store_recorded(p.store, 5)

    result = p.run(logs, "sample_counts")

    assert result.success
    found = _by_name(result.get_asset_check_evaluations(), "sample_counts")
    assert not found["coverage"].passed
    assert found["coverage"].description == "4 of 5 logs computed, 0 abstained, 1 failed, 0 missing"
    [failed] = _examples(found["coverage"])
    assert failed["log_id"] == FAULTY_LOG
    assert f"no way to count {FAULTY_LOG}" in failed["reason"]
    # 21 poses in a second, where up to 15 are called plausible.
    assert not found["value_range"].passed
    assert found["value_range"].severity is AssetCheckSeverity.WARN
    assert [row["log_id"] for row in _examples(found["value_range"])] == sorted(
        {*logs} - {FAULTY_LOG}
    )
    assert found["contract"].passed


def test_a_metric_for_which_all_logs_abstain_passes(platform: Platform) -> None:
    """Without other road users there is no time to collision: no fault of anybody's."""
    p = platform.having(catalog_with(sample_counts))
    result = p.run(["never-read"], "sample_counts")

    assert result.success
    found = _by_name(result.get_asset_check_evaluations(), "sample_counts")
    assert {name: e.passed for name, e in found.items()} == {
        "contract": True, "coverage": True, "regression": True, "up_to_date": True,
        "value_range": True,
    }  # fmt: skip


def test_before_anything_was_computed_only_coverage_fails(platform: Platform) -> None:
    platform.instance.add_dynamic_partitions("log", ["a"])

    found = checked(platform, "hard_brakes")

    assert {name: e.passed for name, e in found.items()} == {
        "contract": True, "coverage": False, "regression": True, "up_to_date": True,
        "value_range": True,
    }  # fmt: skip


def test_the_contract_is_checked_in_batches_that_fit_the_memory(platform: Platform) -> None:
    logs = store_recorded(platform.store, 5)
    platform.run(logs, "ego_states")

    found = checked(platform.having(batch_bytes=1), "ego_states")

    rows = platform.store.scan("ego_states").select(pl.len()).collect().item()
    assert found["contract"].description == f"{rows} stored rows keep the contract"


def test_what_is_missing_or_stale_is_told_and_counts_as_a_warning(platform: Platform) -> None:
    before = platform.having(small_catalog(pose_counts(), track_counts), quiet_s=0.0)
    for log_id in ("a", "b", "c"):
        upload(before.inbox, log_id)
    [request] = before.tick().run_requests or ()
    computed = _by_name(before.launch(request).get_asset_check_evaluations(), "pose_counts")
    assert computed["up_to_date"].passed
    assert computed["up_to_date"].description == "3 logs are up to date"

    after = before.having(small_catalog(pose_counts(1.0), track_counts))
    after.run(["a"], "pose_counts")
    fleet = checked(after, "pose_counts")["up_to_date"]

    assert not fleet.passed
    assert fleet.severity is AssetCheckSeverity.WARN
    assert fleet.description == "2 of 3 logs are not up to date: 2 stale by code"
    assert _examples(fleet) == [
        {"log_id": "b", "standing": "stale_code"},
        {"log_id": "c", "standing": "stale_code"},
    ]
    assert fleet.metadata["stale_code"].value == 2
    # Over the logs of a run, those alone.
    assert checked(after, "pose_counts", logs=["a"])["up_to_date"].passed
    assert checked(after, "track_counts")["up_to_date"].passed
    # A recorded signal is judged by the reader of the log.
    assert checked(after, "ego_poses")["up_to_date"].passed
