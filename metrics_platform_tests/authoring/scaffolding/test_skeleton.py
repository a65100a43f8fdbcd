"""A new metric computes whatever it is made of, and its test is right."""

import importlib
import sys
from collections.abc import Iterator, Mapping
from pathlib import Path

import polars as pl
import pytest

from metrics_platform.authoring.scaffolding.example_rows import rows_of_other, rows_of_signal
from metrics_platform.authoring.scaffolding.metric_source import metric_source
from metrics_platform.authoring.scaffolding.metric_test_source import metric_test_source
from metrics_platform.authoring.scaffolding.skeleton import Grain, Skeleton, skeleton
from metrics_platform.core import Definition
from metrics_platform.core.catalog import default_catalog
from metrics_platform.core.errors import DefinitionError
from metrics_platform.core.frames import grain
from metrics_platform.testing.conformance import assert_conforms
from metrics_platform.testing.families import with_families
from metrics_platform.testing.inputs import compute_on
from metrics_platform.testing.on_paper import by_hand
from metrics_platform.testing.synthetic import synthetic_logs

CATALOG = default_catalog()
NAMES = [definition.name for definition in CATALOG]
PACKAGE = "written_by_new"


@pytest.fixture(scope="module")
def frames() -> dict[str, pl.DataFrame]:
    """Every signal and metric of three logs, of which nothing has to be computed any more."""
    made = dict(with_families(synthetic_logs(3, seconds=3)))
    for definition in CATALOG.derived:
        made[definition.name] = compute_on(made, definition.name).rows
    return made


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A folder from which the package is imported, with the settings of a new project."""
    root = tmp_path_factory.mktemp("written")
    (root / PACKAGE).mkdir()
    (root / PACKAGE / "__init__.py").write_text('"""Written."""\n')
    sys.path.insert(0, str(root))
    yield root
    sys.path.remove(str(root))
    for name in [name for name in sys.modules if name.partition(".")[0] == PACKAGE]:
        del sys.modules[name]


def possible(signal: Definition) -> Iterator[Skeleton]:
    """Yield what can be made of a signal: at each grain by itself, or with another one."""
    for number, kind in enumerate(Grain):
        place = NAMES.index(signal.name) * 7 + number
        other = [NAMES[place % len(NAMES)]] if number % 2 else []
        signals = list(dict.fromkeys([signal.name, *other]))
        try:
            yield skeleton(f"{kind}_of_{signal.name}", signals, kind, "planning", CATALOG)
        except DefinitionError:
            assert kind is not Grain.LOG


@pytest.mark.parametrize("signal", list(CATALOG), ids=lambda definition: definition.name)
def test_of_every_signal_and_metric(
    signal: Definition, folder: Path, frames: Mapping[str, pl.DataFrame]
) -> None:
    made = []
    for plan in possible(signal):
        module = f"{PACKAGE}.{plan.name}"
        path = folder / PACKAGE / f"{plan.name}.py"
        path.write_text(metric_source(plan, first_party=False), encoding="utf-8")
        metric = getattr(importlib.import_module(module), plan.name)

        assert list(grain(metric.rows)) == list(plan.key)
        assert_conforms(metric, {name: frames[name] for name in metric.dependencies})
        tests: dict[str, object] = {}
        text = metric_test_source(plan, module, first_party=False)
        exec(compile(text, f"test_{plan.name}.py", "exec"), tests)
        tests["test_by_hand"]()  # type: ignore[operator]
        made.append(plan.grain)
    assert Grain.LOG in made


def test_the_rows_on_paper_break_no_schema() -> None:
    for signal in CATALOG:
        by_hand(signal, **rows_of_other(signal))
        for plan in possible(signal):
            by_hand(plan.signal, **rows_of_signal(plan))


@pytest.mark.parametrize(
    ("signals", "kind", "told"),
    [
        ([], Grain.LOG, "one signal or more, each once, got none"),
        (["tracks", "tracks"], Grain.LOG, "each once, got tracks, tracks"),
        (["ego_stats"], Grain.LOG, "did you mean 'ego_states'"),
        (["tracks", "hard_brake"], Grain.LOG, "did you mean 'hard_brakes'"),
        (
            ["lanes"],
            Grain.EVENT,
            "a row per event needs a time, and lanes has one row per log_id, l",
        ),
        (["ego_states"], Grain.TRACK, "choose the grain log or event or moment"),
    ],
    ids=["none", "twice", "misspelled", "misspelled_second", "no_time", "no_objects"],
)
def test_what_cannot_be_is_told(signals: list[str], kind: Grain, told: str) -> None:
    with pytest.raises(DefinitionError, match=told):
        skeleton("anything", signals, kind, "planning", CATALOG)


@pytest.mark.parametrize(
    ("signal", "kind", "name", "expression"),
    [
        ("ego_states", Grain.LOG, "max_speed_mps", 'pl.col("speed_mps").max()'),
        ("actor_pairs", Grain.TRACK, "max_distance_m", 'pl.col("distance_m").max()'),
        ("time_to_collision", Grain.LOG, "min_ttc_s", 'pl.col("min_ttc_s").min()'),
        ("drive_modes", Grain.LOG, "rows_count", "pl.len().cast(pl.Int64)"),
    ],
)
def test_what_is_measured(signal: str, kind: Grain, name: str, expression: str) -> None:
    measure = skeleton("anything", [signal], kind, "planning", CATALOG).measure
    assert (measure.name, measure.expression) == (name, expression)
