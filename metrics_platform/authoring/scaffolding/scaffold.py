"""Writing a new metric and its test, and the project around them where there is none."""

import keyword
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from importlib.resources import files
from pathlib import Path
from string import Template

from metrics_platform.authoring.project import source_file
from metrics_platform.authoring.scaffolding.metric_source import metric_source
from metrics_platform.authoring.scaffolding.metric_test_source import metric_test_source
from metrics_platform.authoring.scaffolding.place import Place, find_place
from metrics_platform.authoring.scaffolding.skeleton import Grain, skeleton
from metrics_platform.core.catalog import ENTRY_POINT_GROUP, Catalog
from metrics_platform.core.errors import ConfigurationError, DefinitionError

# What the two files import; a metric of that name would stand in its way.
_IMPORTED = frozenset(
    {"metric", "pl", "stretches", "field", "metric_frame", "by_hand", "compute_on", "pytest"}
    | {"assert_conforms"}
)


@dataclass(frozen=True)
class Written:
    """What was written.

    Attributes:
        files: Relative to the project, the metric's first and its test's second.
        place: Where.
        commands: What to do next.
    """

    files: Sequence[Path]
    place: Place
    commands: Sequence[str]


def check_name(name: str, catalog: Catalog) -> None:
    """See that a metric can have that name.

    Raises:
        DefinitionError: It isn't snake_case, or taken; the message says by what.
    """
    if not re.fullmatch(r"[a-z][a-z0-9_]*", name):
        snake = re.sub(r"\W+", "_", re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", name)).strip("_").lower()
        usable = re.fullmatch(r"[a-z][a-z0-9_]*", snake)
        raise DefinitionError(
            f"the name of a metric is snake_case, got {name!r}"
            + (f"; what about {snake!r}?" if usable else "")
        )
    if keyword.iskeyword(name) or name in _IMPORTED:
        raise DefinitionError(f"{name!r} means something else in the file of a metric")
    for known in catalog:
        if known.name == name:
            kind = type(known).__name__.lower()
            raise DefinitionError(
                f"there is a {kind} {name!r} already, in {source_file(known)}: "
                "choose another name, or change that one"
            )


def new_metric(
    name: str,
    *,
    signals: Sequence[str],
    grain: Grain,
    owner: str,
    catalog: Catalog,
    folder: Path,
    package: str | None = None,
) -> Written:
    """Write a metric that can be computed, and a test that passes.

    Args:
        name: In snake_case.
        signals: Signals and metrics that it takes.
        grain: What a row is.
        owner: Team.
        catalog: What there is.
        folder: In a project, or empty.
        package: As for `find_place`.

    Raises:
        DefinitionError: The name or the signals cannot be; the message says what can.
        ConfigurationError: There is no place for it, or a file is there already. Nothing was
            written then.
    """
    check_name(name, catalog)
    if not owner.strip() or not owner.isprintable() or set(owner) & set('"\\'):
        raise ConfigurationError(f"an owner is a name without quotes, got {owner!r}")
    place = find_place(folder, package)
    plan = skeleton(name, signals, grain, owner, catalog)
    first_party = place.first_party
    texts = {
        place.metrics / f"{name}.py": metric_source(plan, first_party=first_party),
        place.tests / f"test_{name}.py": metric_test_source(
            plan, f"{place.package}.{name}", first_party=first_party
        ),
        **({} if place.begun else _project(place)),
    }
    _write(texts)
    written = [path.relative_to(place.root) for path in texts]
    return Written(written, place, _next(name, written[1], place))


def _project(place: Place) -> Mapping[Path, str]:
    values = {
        "package": place.package,
        "distribution": place.package.replace("_", "-"),
        "group": ENTRY_POINT_GROUP,
        "platform": version("metrics-platform"),
    }
    return {
        place.metrics / "__init__.py": '"""Metrics of our own."""\n',
        place.root / "pyproject.toml": Template(_template("pyproject.toml")).substitute(values),
        place.root / ".gitignore": _template("gitignore"),
        place.root / ".github" / "workflows" / "metrics.yml": _template("metrics.yml"),
    }


def _template(name: str) -> str:
    return (files(__package__) / "templates" / f"{name}.txt").read_text(encoding="utf-8")


def _write(texts: Mapping[Path, str]) -> None:
    # All are looked at first: half a metric would be in the way of the next try.
    for path in texts:
        if path.exists():
            raise ConfigurationError(f"there is a file {path} already: nothing was written")
    for path, text in texts.items():
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("x", encoding="utf-8") as file:
            file.write(text)


def _next(name: str, test: Path, place: Place) -> list[str]:
    install = [] if place.begun else ["python -m pip install --editable '.[dev]'"]
    reference = ["make docs"] if place.first_party else []
    return [
        *install,
        f"python -m pytest {test}",
        f"metrics-platform run {name} --synthetic cruise",
        *reference,
    ]
