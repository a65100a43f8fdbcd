"""Settings: what the environment can ask for, and what it can't."""

from pathlib import Path

import pytest

from metrics_platform.core.errors import ConfigurationError
from metrics_platform.core.settings import Settings, load_settings


def test_nothing_configured_is_all_below_one_folder() -> None:
    settings = load_settings({})
    assert settings.home == Path("~/.metrics-platform").expanduser()
    assert settings.root == str(settings.home / "objects")
    assert settings.inbox == f"{settings.root}/inbox"
    assert settings.postgres is None
    assert settings.readers is None
    assert (settings.keep_superseded_days, settings.keep_versions) == (None, None)


def test_everything_can_be_configured() -> None:
    settings = load_settings(
        {
            "METRICS_PLATFORM_HOME": "/data/metrics",
            "METRICS_PLATFORM_ROOT": "gs://fleet/metrics",
            "METRICS_PLATFORM_POSTGRES": "postgresql://index@db/metrics",
            "METRICS_PLATFORM_READERS": "/etc/readers.toml",
            "METRICS_PLATFORM_LOGS_PER_RUN": "200",
            "METRICS_PLATFORM_QUEUED_RUNS": "3",
            "METRICS_PLATFORM_TICK_S": "12.5",
            "METRICS_PLATFORM_QUIET_S": "0",
            "METRICS_PLATFORM_BATCH_BYTES": "1e9",
            "METRICS_PLATFORM_KEEP_SUPERSEDED_DAYS": "400",
            "METRICS_PLATFORM_KEEP_VERSIONS": "3",
            "METRICS_PLATFORM_KEEP_EVENTS_DAYS": "30",
            "METRICS_PLATFORM_GC_GRACE_H": "1.5",
            "HOME": "/elsewhere",
        }
    )
    assert settings == Settings(
        home=Path("/data/metrics"),
        root="gs://fleet/metrics",
        postgres="postgresql://index@db/metrics",
        readers=Path("/etc/readers.toml"),
        logs_per_run=200,
        queued_runs=3,
        tick_s=12.5,
        quiet_s=0.0,
        batch_bytes=1_000_000_000,
        keep_superseded_days=400,
        keep_versions=3,
        keep_events_days=30,
        gc_grace_h=1.5,
    )
    assert load_settings(settings.environment()) == settings


@pytest.mark.parametrize(
    ("given", "root"),
    [
        ("s3://bucket/a/b/", "s3://bucket/a/b"),
        ("gs://bucket", "gs://bucket"),
        ("/data/objects", "/data/objects"),
        ("objects", str(Path.cwd() / "objects")),
        ("~/objects", str(Path.home() / "objects")),
    ],
    ids=["s3", "gs", "folder", "relative-folder", "home-folder"],
)
def test_the_root_is_a_folder_or_a_bucket(given: str, root: str) -> None:
    assert load_settings({"METRICS_PLATFORM_ROOT": given}).root == root


@pytest.mark.parametrize("given", ["azure://x/y", "http://host/x", "file:///x", "://x"])
def test_other_places_are_refused(given: str) -> None:
    with pytest.raises(ConfigurationError, match=r"ROOT must be a folder, s3://.*got '"):
        load_settings({"METRICS_PLATFORM_ROOT": given})


def test_a_misspelled_variable_is_named_with_those_there_are() -> None:
    with pytest.raises(
        ConfigurationError,
        match=r"unknown setting METRICS_PLATFORM_POSTGRESS; there are: .*METRICS_PLATFORM_ROOT",
    ):
        load_settings({"METRICS_PLATFORM_POSTGRESS": "x"})


def test_an_empty_variable_counts_as_not_set() -> None:
    assert load_settings({"METRICS_PLATFORM_TICK_S": ""}) == load_settings({})


@pytest.mark.parametrize(
    ("name", "value", "least"),
    [
        ("LOGS_PER_RUN", "0", "1"),
        ("LOGS_PER_RUN", "many", "1"),
        ("LOGS_PER_RUN", "nan", "1"),
        ("QUEUED_RUNS", "-3", "1"),
        ("TICK_S", "0.5", "1"),
        ("QUIET_S", "-1", "0"),
        ("BATCH_BYTES", "512MB", "1"),
        ("BATCH_BYTES", "inf", "1"),
        ("TICK_S", "inf", "1"),
        ("LOGS_PER_RUN", "2.5", "1"),
        ("KEEP_SUPERSEDED_DAYS", "0", "1"),
        ("KEEP_VERSIONS", "0", "1"),
        ("KEEP_VERSIONS", "none", "1"),
        ("KEEP_EVENTS_DAYS", "-1", "1"),
        ("GC_GRACE_H", "0.5", "1"),
    ],
)
def test_a_bad_number_is_refused(name: str, value: str, least: str) -> None:
    with pytest.raises(
        ConfigurationError,
        match=rf"METRICS_PLATFORM_{name} must be a .*number of at least {least}, got '{value}'",
    ):
        load_settings({f"METRICS_PLATFORM_{name}": value})


def test_what_the_platform_sets_for_its_children_is_no_mistake() -> None:
    assert load_settings({"METRICS_PLATFORM_DAGSTER_POSTGRES": "x"}) == load_settings({})
