"""What the README says is true: its commands and examples are run as they stand there."""

import os
import re
import subprocess
import sys
import tomllib
from collections.abc import Mapping
from dataclasses import fields
from pathlib import Path

import pytest

from metrics_platform.cli import app
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.compute import compute_chain
from metrics_platform.core.settings import Settings
from metrics_platform.readers.config import ReaderConfig
from metrics_platform.readers.contents import LogMetadata
from metrics_platform.readers.formats import formats
from metrics_platform.readers.reading import read_logs
from metrics_platform.store import Found, ReadLog, Store
from metrics_platform.testing.demo_fleet import write_demo_fleet

ROOT = Path(__file__).resolve().parents[1]
README = (ROOT / "README.md").read_text(encoding="utf-8")
DOCS = {path.name: path.read_text(encoding="utf-8") for path in (ROOT / "docs").glob("*.md")}
EVERYTHING = "\n".join([README, *DOCS.values()])
_LOGS = 8


def blocks(language: str, text: str = README) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def commands() -> list[str]:
    [block] = blocks("bash")
    return [line for line in block.splitlines() if line.startswith("metrics-platform ")]


READING, METRIC, METRIC_TEST = blocks("python")


def test_it_is_short() -> None:
    assert len(README.splitlines()) <= 150


def test_the_make_targets_are_there() -> None:
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    targets = set(re.findall(r"^([a-z]+):", makefile, re.MULTILINE))
    named = set(re.findall(r"(?:^|`)make ([a-z]+)", EVERYTHING, re.MULTILINE))
    assert {"demo", "test", "dev"} <= named <= targets


def test_links_lead_somewhere() -> None:
    for folder, text in [(ROOT, README), *((ROOT / "docs", text) for text in DOCS.values())]:
        for target in re.findall(r"\]\(([^)#:]+)\)", text):
            assert (folder / target).exists(), target


def test_every_command_is_told_of() -> None:
    for command in app.registered_commands:
        assert command.callback is not None
        name = command.name or command.callback.__name__
        assert re.search(rf"metrics-platform {name}\b|make {name}\b", EVERYTHING), name


def test_every_setting_is_told_of() -> None:
    told = set(re.findall(r"`([A-Z_]+)`", README))
    assert {field.name.upper() for field in fields(Settings)} <= told


def test_every_key_of_log_json_is_told_of() -> None:
    for field in fields(LogMetadata):
        assert f"`{field.name}`" in DOCS["formats.md"], field.name


def test_every_format_and_reader_setting_is_told_of() -> None:
    for name in [*formats(), *(field.name for field in fields(ReaderConfig))]:
        assert f"`{name}`" in DOCS["formats.md"], name


def test_every_definition_is_told_of() -> None:
    for definition in default_catalog():
        assert f"`{definition.name}`" in DOCS["metrics.md"], definition.name


def test_the_reader_configuration_is_one(tmp_path: Path) -> None:
    [example] = blocks("toml", DOCS["formats.md"])
    path = tmp_path / "readers.toml"
    path.write_text(example, encoding="utf-8")
    config = ReaderConfig.load(path)
    assert set(tomllib.loads(example)) == {field.name for field in fields(ReaderConfig)}
    assert config != ReaderConfig()


@pytest.fixture
def environment(settings: Settings, tmp_path: Path) -> Mapping[str, str]:
    """The environment of a platform that has taken in the demo's first logs."""
    assert settings.postgres is not None
    home = tmp_path / ".metrics-platform"
    own = Settings(home=home, root=str(home / "objects"), postgres=settings.postgres)
    fleet = write_demo_fleet(Path(own.inbox), _LOGS)
    catalog = default_catalog()
    paths = {path.stem: path for path in Path(own.inbox).glob("*.mcap")}
    assert set(fleet.logs) | {fleet.unreadable} == set(paths)
    batch = read_logs(paths, ReaderConfig())
    made = compute_chain(catalog, [d.name for d in catalog], batch.signals, list(paths))
    with Store.open(own) as store:
        store.registry.register(
            [Found(log_id, path.name, path.stat().st_size, "1") for log_id, path in paths.items()]
        )
        for computed in made.values():
            store.write(computed)
        store.registry.quarantine(batch.failures)
        store.registry.mark_read(
            [
                ReadLog(log_id, release=known.release, vehicle=known.vehicle, place=known.place)
                for log_id, known in batch.metadata.items()
            ]
        )
    outside = {k: v for k, v in os.environ.items() if not k.startswith("METRICS_PLATFORM_")}
    scripts = str(Path(sys.executable).parent)
    return {**outside, **own.environment(), "PATH": f"{scripts}{os.pathsep}{outside['PATH']}"}


EXPECTED = {
    "metrics-platform metrics": "actor_pairs",
    "metrics-platform run": "1 of 1 logs computed",
    "metrics-platform logs": "1 quarantined",
    "metrics-platform show hard_brakes --rows": "rows written to brakes.csv",
    "metrics-platform show hard_brakes": "8 of 9 logs computed, 1 abstained",
}


def test_the_commands_work(environment: Mapping[str, str], tmp_path: Path) -> None:
    assert len(commands()) == len(EXPECTED)
    for command in commands():
        done = subprocess.run(
            ["bash", "-c", command],
            cwd=tmp_path, env=environment, capture_output=True, text=True, check=False,
        )  # fmt: skip
        assert done.returncode == 0, f"{command}\n{done.stderr}"
        expected = next(text for start, text in EXPECTED.items() if command.startswith(start))
        assert expected in done.stdout, f"{command}\n{done.stdout}"
    assert (tmp_path / "brakes.csv").read_text().startswith("log_id,start_ns")


def test_reading_from_python_works(
    environment: Mapping[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    for name, value in environment.items():
        if name.startswith("METRICS_PLATFORM_"):
            monkeypatch.setenv(name, value)
    found: dict[str, object] = {}
    exec(compile(READING, "README.md", "exec"), found)
    per_log, rows = found["per_log"], found["rows"]
    assert len(per_log) == _LOGS + 1  # type: ignore[arg-type]
    assert len(rows) == 2  # type: ignore[arg-type]


def test_the_new_metric_works_where_the_readme_puts_it(tmp_path: Path) -> None:
    """In the folders of the platform, extended by one of ours, with its test beside it."""
    [module, test_file] = re.findall(r"`(metrics_platform\w*/metrics/\w+\.py)`", README)
    for name, text in ((module, METRIC), (test_file, METRIC_TEST)):
        path = tmp_path / Path(name).name
        path.write_text(text, encoding="utf-8")
    script = f"""
import sys
import metrics_platform.metrics
metrics_platform.metrics.__path__.append({str(tmp_path)!r})
from metrics_platform.core.catalog import default_catalog
from metrics_platform.testing.conformance import assert_conforms
assert_conforms(default_catalog()[{Path(module).stem!r}])
import pytest
sys.exit(pytest.main(["-q", "-p", "no:cacheprovider", {str(tmp_path / Path(test_file).name)!r}]))
"""
    done = python(script, tmp_path)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "1 passed" in done.stdout


def python(script: str, path: Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", script],
        cwd=path, env={**os.environ, "PYTHONPATH": str(path)},
        capture_output=True, text=True, check=False,
    )  # fmt: skip
