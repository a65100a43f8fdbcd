"""Corpora by name: the synthetic one, and folders of recordings."""

import shutil
from pathlib import Path

import pytest

from metrics_platform.authoring.corpora import (
    corpus,
    corpus_names,
    pinned_corpus,
    pinned_source,
    recordings_in,
)
from metrics_platform.authoring.project import Project
from metrics_platform.core import Status
from metrics_platform.core.errors import ConfigurationError, UnknownNameError
from metrics_platform.testing.demo_fleet import DemoFleet, write_demo_fleet


@pytest.fixture(scope="module")
def fleet(tmp_path_factory: pytest.TempPathFactory) -> DemoFleet:
    return write_demo_fleet(tmp_path_factory.mktemp("fleet"), logs=8)


@pytest.fixture
def project(tmp_path: Path, fleet: DemoFleet) -> Project:
    """A project with two recordings that its lock is to hold results of."""
    pinned = tmp_path / "corpora" / "pinned"
    pinned.mkdir(parents=True)
    for path in [*fleet.logs.values()][:2]:
        shutil.copy(path, pinned)
    (tmp_path / "corpora" / ".cache").mkdir()
    return Project(tmp_path, "robots")


def test_recordings_are_read_as_from_the_inbox(project: Project, fleet: DemoFleet) -> None:
    assert corpus_names(project) == ["synthetic", "pinned"]

    found = corpus("pinned", project)

    assert list(found.log_ids) == sorted([*fleet.logs][:2])
    assert found.signals["ego_poses"].logs_with(Status.COMPUTED) == found.log_ids
    assert len(found.hashes[found.log_ids[0]]["ego_poses"]) == 16


def test_what_is_pinned_stands_beside_the_synthetic_logs(
    project: Project, fleet: DemoFleet
) -> None:
    together, synthetic = pinned_corpus(project), corpus("synthetic")

    assert set(together.log_ids) == {*synthetic.log_ids, *[*fleet.logs][:2]}
    for log_id in synthetic.log_ids:
        assert together.hashes[log_id] == synthetic.hashes[log_id]
    first = next((project.corpora / "pinned").iterdir())
    first.rename(first.with_name(f"{synthetic.log_ids[0]}.mcap"))
    with pytest.raises(ConfigurationError, match="so has the synthetic corpus"):
        pinned_corpus(project)


def test_its_source_is_another_where_a_recording_or_its_sidecar_is(project: Project) -> None:
    before = pinned_source(project)
    assert pinned_source(project) == before

    [first, *_] = sorted((project.corpora / "pinned").iterdir())
    first.with_name(f"{first.stem}.log.json").write_text("{}")
    with_sidecar = pinned_source(project)
    first.unlink()

    assert len({before, with_sidecar, pinned_source(project)}) == 3


def test_an_unknown_corpus_offers_the_nearest(project: Project) -> None:
    with pytest.raises(UnknownNameError, match="no corpus named 'pined'; did you mean 'pinned'"):
        corpus("pined", project)
    with pytest.raises(UnknownNameError, match="no corpus named 'pinned'; there are: synthetic"):
        corpus("pinned")


def test_a_folder_without_recordings_or_with_two_of_one_name_is_an_error(
    tmp_path: Path, fleet: DemoFleet
) -> None:
    (tmp_path / "a.log.json").write_text("{}")
    (tmp_path / "README.md").write_text("Where they come from.")
    (tmp_path / ".DS_Store").write_bytes(b"")
    with pytest.raises(ConfigurationError, match="there is no recording in"):
        recordings_in(tmp_path)
    shutil.copy(next(iter(fleet.logs.values())), tmp_path / "a.mcap")
    assert set(recordings_in(tmp_path)) == {"a"}
    (tmp_path / "a").mkdir()
    with pytest.raises(ConfigurationError, match="would both be log 'a'"):
        recordings_in(tmp_path)


def test_a_file_that_no_reader_takes_is_named(project: Project) -> None:
    (project.corpora / "pinned" / "notes.txt").write_text("Where they come from.")

    for look in (pinned_source, pinned_corpus):
        with pytest.raises(
            ConfigurationError, match=r"notes\.txt is no recording: .*; take it out"
        ):
            look(project)
