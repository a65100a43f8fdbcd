"""A version in shadow: real runs over new logs, backfills and checks, until it takes over."""

import re
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from dagster import AssetCheckSeverity, ExecuteInProcessResult

from metrics_platform.core import Metric
from metrics_platform.orchestration import maintenance
from metrics_platform.orchestration.assets import derived_asset
from metrics_platform.orchestration.partitions import log_asset_key
from metrics_platform_tests.core.packages import Files, edited, imported
from metrics_platform_tests.orchestration.platform import Platform, metadata_of, upload
from metrics_platform_tests.orchestration.revised import doubled_counts, small_catalog
from metrics_platform_tests.orchestration.test_backfills import asked, due, tick, until_done

NAME, SHADOW = "pose_counts", "shadow/pose_counts"
_FILE = "authored.py"
_OLD = '''
@metric(version="1.0.0", rows=Counts, owner="testing", summary={"poses": pl.col("count").sum()})
def pose_counts(ego_poses: pl.LazyFrame) -> pl.LazyFrame:
    """Count poses."""
    return ego_poses.group_by("log_id").agg(count=pl.len().cast(pl.Int64))
'''
_NEW = '''
_MORE = 1_000


@metric(
    version="2.0.0", rows=Counts, owner="testing", summary={"poses": pl.col("count").sum()},
    shadow_of="pose_counts",
)
def pose_counts_and_more(ego_poses: pl.LazyFrame) -> pl.LazyFrame:
    """Count poses, and a thousand more."""
    return ego_poses.group_by("log_id").agg(count=_MORE + pl.len().cast(pl.Int64))
'''
_IMPORTS = """
import polars as pl
from metrics_platform.core import MetricFrame, metric
from metrics_platform_tests.orchestration.revised import Counts
"""
_NAMES = """

class Names(MetricFrame):
    \"\"\"One row per log_id.\"\"\"

    number: int

    class Config:
        unique = ["log_id"]
"""
_SUM_OF_NEW = (
    'version="2.0.0", rows=Names, owner="testing", summary={"poses": pl.col("count").sum()}',
    'version="2.0.0", rows=Names, owner="testing", summary={"poses": pl.col("number").sum()}',
)
ALONE: Files = {_FILE: _IMPORTS + _OLD}
BESIDE: Files = {_FILE: _IMPORTS + _OLD + _NEW}
# The author drops the old version, and the new one takes its name.
TAKEN_OVER = edited(
    edited({_FILE: _IMPORTS + _NEW}, _FILE, '    shadow_of="pose_counts",\n', ""),
    _FILE,
    "pose_counts_and_more",
    NAME,
)


@contextmanager
def deployed(platform: Platform, folder: Path, files: Files) -> Iterator[Platform]:
    """Have the platform with what an author wrote, and a metric that depends on it."""
    # What was deployed before is another process there.
    sys.modules.pop("authored", None)
    with imported(folder, files, "authored") as module:
        found = [value for value in vars(module).values() if isinstance(value, Metric)]
        catalog = small_catalog(*found, doubled_counts)
        assert catalog.fingerprints.keys() > catalog.shadow_fingerprints.keys()
        yield platform.having(catalog, quiet_s=0.0)


@pytest.fixture
def p(platform: Platform, tmp_path: Path) -> Iterator[Platform]:
    """A platform that has taken in three logs, with a shadow beside a metric."""
    with deployed(platform, tmp_path / "beside", BESIDE) as beside:
        take_in(beside, *"abc")
        yield beside


def take_in(p: Platform, *log_ids: str) -> list[ExecuteInProcessResult]:
    """Upload logs, and let the sensor and its runs do the rest."""
    for log_id in log_ids:
        upload(p.inbox, log_id, seconds=0.5)
    done = [p.launch(request) for request in p.tick().run_requests or ()]
    assert all(result.success for result in done)
    # The request is settled.
    p.tick()
    return done


def read(p: Platform, version: str | None = None) -> dict[str, bool]:
    """Return the logs that a reader gets, and whether their values are those of the new version."""
    counts = p.store.summary(NAME, version=version).select("log_id", "poses").iter_rows()
    rows = p.store.scan(NAME, version=version).collect()
    found = {log_id: poses > 1_000 for log_id, poses in counts}
    assert dict(rows.select("log_id", rows["count"] > 1_000).iter_rows()) == found
    return found


def test_it_runs_on_new_logs_beside_its_metric_and_is_promoted_and_demoted(p: Platform) -> None:
    [result] = take_in(p, "d", "e")

    checks = result.get_asset_check_evaluations()
    of_shadow = {check.check_name for check in checks if check.asset_key.path[0] == "shadow"}
    assert of_shadow == {"contract", "coverage", "regression", "up_to_date"}
    # It has other values than its metric, and says so.
    failed = [(check.asset_key, check.check_name) for check in checks if not check.passed]
    assert failed == [(log_asset_key(SHADOW), "regression")]
    made = {event.asset_key for event in result.get_asset_materialization_events()}
    assert {"log/pose_counts", SHADOW} <= {key.to_user_string() for key in made if key}
    assert metadata_of(result, "shadow__pose_counts")["coverage"] == "2 of 2 logs"
    # Readers see nothing of it, and what depends on the metric neither.
    assert read(p) == dict.fromkeys("abcde", False)
    assert read(p, "2.0.0") == dict.fromkeys("abcde", True)
    doubled = p.store.summary("doubled_counts")["counts"]
    assert doubled.equals(2 * p.store.summary(NAME)["poses"], check_names=False)

    p.store.promote(NAME, "2.0.0")
    assert read(p) == dict.fromkeys("abcde", True)
    take_in(p, "f")
    assert read(p) == dict.fromkeys("abcdef", True)
    assert p.store.demote(NAME).after == "1.0.0"
    assert read(p) == dict.fromkeys("abcdef", False)
    # For all that, the metric's own results were up to date all the time.
    assert due(p) == {}


def test_logs_from_before_are_computed_where_somebody_asks(
    platform: Platform, tmp_path: Path
) -> None:
    with deployed(platform, tmp_path / "alone", ALONE) as alone:
        take_in(alone, *"abc")
    with deployed(platform, tmp_path / "beside", BESIDE) as p:
        take_in(p, "d")
        assert due(p) == {(SHADOW, "missing"): 3}
        assert read(p, "2.0.0") == {"d": True}
        p.store.backfills.request([SHADOW])

        results = until_done(p)

        assert asked(results[0]) == [("a", "c", [NAME])]
        [request] = results[0].run_requests or ()
        assert [key.to_user_string() for key in request.asset_selection or ()] == [SHADOW]
        assert due(p) == {}
        assert read(p, "2.0.0") == dict.fromkeys("abcd", True)
        assert read(p) == dict.fromkeys("abcd", False)


def test_what_it_needs_being_made_anew_it_is_too(p: Platform, tmp_path: Path) -> None:
    changed = edited(BESIDE, _FILE, "_MORE = 1_000", "_MORE = 2_000")
    with deployed(p, tmp_path / "changed", changed) as later:
        assert due(later) == {(SHADOW, "stale_code"): 3}
        later.store.backfills.request([SHADOW])
        until_done(later)
        assert due(later) == {}
    p.store.backfills.request(["ego_poses"])
    with p.store.postgres.engine.begin() as connection:
        connection.exec_driver_sql(
            "UPDATE metrics_platform.results SET fingerprint = 'older' WHERE version_id IN "
            "(SELECT version_id FROM metrics_platform.versions WHERE name = 'ego_poses')"
        )

    [request] = tick(p).run_requests or ()

    names = [key.to_user_string() for key in request.asset_selection or ()]
    assert names == ["log/ego_poses", "log/pose_counts", "log/doubled_counts", SHADOW]


def test_what_it_computed_is_current_when_it_takes_over(p: Platform, tmp_path: Path) -> None:
    in_shadow = p.catalog.shadow_fingerprints[NAME]
    with deployed(p, tmp_path / "taken_over", TAKEN_OVER) as later:
        assert later.catalog.fingerprints[NAME] == in_shadow
        assert later.catalog[NAME].version == "2.0.0"
        # Nothing is computed again but what depends on it, and has its other values now.
        assert due(later) == {("doubled_counts", "stale_code"): 3}
        assert read(later) == dict.fromkeys("abc", False)

        assert later.tick().run_requests == []

        assert read(later) == dict.fromkeys("abc", True)
        assert len(later.store.history(NAME, "a")) == 2
        take_in(later, "d")
        assert read(later) == dict.fromkeys("abcd", True)


def test_logs_that_readers_miss_for_an_older_promotion_are_told(
    p: Platform, tmp_path: Path
) -> None:
    p.store.promote(NAME, "1.0.0")
    with deployed(p, tmp_path / "taken_over", TAKEN_OVER) as later:
        [result] = take_in(later, "d", "e")

        checks = {
            (e.asset_key.path[-1], e.check_name): e for e in result.get_asset_check_evaluations()
        }
        finding = checks[NAME, "up_to_date"]
        assert not finding.passed
        assert finding.severity is AssetCheckSeverity.WARN
        assert finding.description == (
            "2 logs are up to date; readers don't see 2 logs, which have no result of 1.0.0: "
            "that is promoted, and computed no more"
        )
        assert checks["doubled_counts", "up_to_date"].passed
        assert read(later) == dict.fromkeys("abc", False)

        later.store.promote(NAME, "2.0.0")
        [result] = take_in(later, "f")
        assert all(e.passed for e in result.get_asset_check_evaluations())


def test_one_that_cannot_be_stored_holds_up_nobody_and_its_checks_say_why(
    p: Platform, tmp_path: Path
) -> None:
    other_columns = edited(BESIDE, _FILE, _IMPORTS, _IMPORTS + _NAMES)
    text = other_columns[_FILE].replace(_NEW, _NEW.replace("Counts", "Names"))
    renamed = text.replace("count=_MORE", "number=_MORE").replace(*_SUM_OF_NEW)
    with deployed(p, tmp_path / "renamed", {_FILE: renamed}) as later:
        [result] = take_in(later, "d", "e")

        assert read(later) == dict.fromkeys("abcde", False)
        assert read(later, "2.0.0") == dict.fromkeys("abc", True)
        why = r"pose_counts 2.0.0 is stored with other columns .* give it another version"
        assert re.match(why, metadata_of(result, "shadow__pose_counts")["not_stored"])
        failed = {
            (e.asset_key.path[0], e.check_name): e.description
            for e in result.get_asset_check_evaluations()
            if not e.passed
        }
        for name in ("coverage", "up_to_date"):
            assert re.search(why, failed.pop(("shadow", name)) or "")
        assert {of for of, _ in failed} <= {"shadow"}
        # The same for logs of which it has results already.
        later.store.backfills.request([SHADOW])
        [request] = tick(later).run_requests or ()
        assert later.launch(request).success
        assert read(later, "2.0.0") == dict.fromkeys("abc", True)


def test_a_metric_that_cannot_be_stored_fails_its_run(p: Platform, tmp_path: Path) -> None:
    text = (_IMPORTS + _NAMES + _OLD).replace("rows=Counts", "rows=Names")
    renamed = text.replace("(count=", "(number=").replace('pl.col("count")', 'pl.col("number")')
    with deployed(p, tmp_path / "renamed", {_FILE: renamed}) as later:
        assert not later.run(["a"], NAME).success


def test_retention_counts_it_as_in_use(p: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    with p.store.postgres.engine.begin() as connection:
        # The metric is ahead of a shadow that was to fix its past.
        connection.exec_driver_sql(
            "UPDATE metrics_platform.versions SET version = '3.0.0' WHERE name = 'pose_counts' "
            "AND version = '1.0.0'"
        )
    monkeypatch.setattr(maintenance, "default_catalog", lambda: p.catalog)
    settings = p.having(keep_versions=1).settings
    collect_garbage = maintenance.maintenance_jobs(settings)[1]

    assert collect_garbage.execute_in_process(instance=p.instance).success

    assert p.store.versions(NAME) == ["2.0.0", "3.0.0"]


def test_it_has_a_pool_and_a_page_of_its_own(p: Platform) -> None:
    made = derived_asset(p.catalog.shadows[NAME], p.catalog, p.settings)

    assert made.op.pool == SHADOW
    told = made.descriptions_by_key[made.key]
    assert told.startswith(
        "**In shadow of pose_counts 1.0.0**: readers get it once it is promoted."
    )
    fingerprint = p.catalog.shadow_fingerprints[NAME]
    assert made.code_versions_by_key[made.key] == f"2.0.0+{fingerprint}"
