"""What can be configured, read from the environment in this one place."""

import os
from collections.abc import Mapping
from dataclasses import dataclass
from math import isfinite
from pathlib import Path

from metrics_platform.core.errors import ConfigurationError

_PREFIX = "METRICS_PLATFORM_"
ACCEPT_GOLDEN = f"{_PREFIX}ACCEPT_GOLDEN"


@dataclass(frozen=True)
class Settings:
    """Where things are, and how much of them at a time.

    Attributes:
        home: Data directory of the embedded default (`METRICS_PLATFORM_HOME`).
        root: Object root: a folder, `s3://…` or `gs://…` (`METRICS_PLATFORM_ROOT`). Credentials
            and endpoints come from the usual variables of each cloud (`AWS_*`, `GOOGLE_*`).
        postgres: URL of any Postgres; None for the embedded one (`METRICS_PLATFORM_POSTGRES`).
        readers: TOML file with the topic-to-signal mapping, None for the defaults
            (`METRICS_PLATFORM_READERS`).
        logs_per_run: Most logs in one ranged run (`METRICS_PLATFORM_LOGS_PER_RUN`).
        run_s: How long a ranged run should take, by what earlier ones took
            (`METRICS_PLATFORM_RUN_S`).
        queued_runs: Most runs that the sensor lets wait (`METRICS_PLATFORM_QUEUED_RUNS`).
        tick_s: Time budget of one sensor tick (`METRICS_PLATFORM_TICK_S`).
        quiet_s: A log is taken once it has not changed for so long (`METRICS_PLATFORM_QUIET_S`).
        batch_bytes: Input bytes that a step holds at once (`METRICS_PLATFORM_BATCH_BYTES`).
        keep_superseded_days: How long superseded results are kept; None for good
            (`METRICS_PLATFORM_KEEP_SUPERSEDED_DAYS`).
        keep_versions: How many versions of each name are kept, the highest ones; None for all
            (`METRICS_PLATFORM_KEEP_VERSIONS`).
        keep_events_days: How long Dagster's events are kept
            (`METRICS_PLATFORM_KEEP_EVENTS_DAYS`).
        gc_grace_h: How long what nothing points to is left alone; longer than anybody reads
            (`METRICS_PLATFORM_GC_GRACE_H`).
        archive_after_days: Logs of which nothing new was learnt for so long are no longer
            partitions in Dagster; None for never (`METRICS_PLATFORM_ARCHIVE_AFTER_DAYS`).
    """

    home: Path
    root: str
    postgres: str | None = None
    readers: Path | None = None
    logs_per_run: int = 2_000
    run_s: float = 300.0
    queued_runs: int = 20
    tick_s: float = 20.0
    quiet_s: float = 10.0
    batch_bytes: int = 512 * 1024 * 1024
    keep_superseded_days: int | None = None
    keep_versions: int | None = None
    keep_events_days: int = 90
    gc_grace_h: float = 24.0
    archive_after_days: int | None = None

    @property
    def inbox(self) -> str:
        """Where logs land: a prefix of the object root."""
        return f"{self.root}/inbox"

    def environment(self) -> dict[str, str]:
        """Return the variables from which `load_settings` makes these settings again."""
        values = {name: getattr(self, name) for name in self.__dataclass_fields__}
        return {
            f"{_PREFIX}{name.upper()}": str(value)
            for name, value in values.items()
            if value is not None
        }


def load_settings(environment: Mapping[str, str] | None = None) -> Settings:
    """Return the settings that `environment` (that of the process, if None) asks for.

    Raises:
        ConfigurationError: A value cannot be what it is for, or a variable is misspelled.
    """
    given = {
        name.removeprefix(_PREFIX).lower(): value
        for name, value in (os.environ if environment is None else environment).items()
        if name.startswith(_PREFIX) and value
    }
    known = Settings.__dataclass_fields__
    if unknown := sorted(set(given) - set(known) - _OF_OTHERS):
        raise ConfigurationError(
            f"unknown setting {_PREFIX}{unknown[0].upper()}; there are: "
            + ", ".join(f"{_PREFIX}{name.upper()}" for name in known)
        )
    home = Path(given.get("home", "~/.metrics-platform")).expanduser().absolute()
    readers = given.get("readers")
    return Settings(
        home=home,
        root=_root(given.get("root", str(home / "objects"))),
        postgres=given.get("postgres"),
        readers=Path(readers).expanduser().absolute() if readers else None,
        logs_per_run=_whole_number(given, "logs_per_run", at_least=1),
        run_s=_number(given, "run_s", at_least=1),
        queued_runs=_whole_number(given, "queued_runs", at_least=1),
        tick_s=_number(given, "tick_s", at_least=1),
        quiet_s=_number(given, "quiet_s", at_least=0),
        batch_bytes=_whole_number(given, "batch_bytes", at_least=1),
        keep_superseded_days=_whole_number_if_given(given, "keep_superseded_days", at_least=1),
        keep_versions=_whole_number_if_given(given, "keep_versions", at_least=1),
        keep_events_days=_whole_number(given, "keep_events_days", at_least=1),
        gc_grace_h=_number(given, "gc_grace_h", at_least=1),
        archive_after_days=_whole_number_if_given(given, "archive_after_days", at_least=1),
    )


# Read by dagster.yaml, and by tests.
_OF_OTHERS = frozenset({"accept_golden", "dagster_postgres", "test_data", "test_soak"})


def accept_golden(environment: Mapping[str, str] | None = None) -> bool:
    """Say whether golden files are to be made and renewed: `METRICS_PLATFORM_ACCEPT_GOLDEN=1`.

    Raises:
        ConfigurationError: It is neither 1 nor 0.
    """
    value = (os.environ if environment is None else environment).get(ACCEPT_GOLDEN, "")
    if value not in ("", "0", "1"):
        raise ConfigurationError(f"{ACCEPT_GOLDEN} must be 1 or 0, got {value!r}")
    return value == "1"


def _root(value: str) -> str:
    scheme, separator, _ = value.partition("://")
    if not separator:
        return str(Path(value).expanduser().absolute())
    if scheme not in ("s3", "gs"):
        raise ConfigurationError(
            f"{_PREFIX}ROOT must be a folder, s3://bucket/prefix or gs://bucket/prefix, "
            f"got {value!r}"
        )
    return value.rstrip("/")


def _whole_number(given: Mapping[str, str], name: str, *, at_least: int) -> int:
    return int(_number(given, name, at_least=at_least, kind="whole number"))


def _whole_number_if_given(given: Mapping[str, str], name: str, *, at_least: int) -> int | None:
    return _whole_number(given, name, at_least=at_least) if name in given else None


def _number(given: Mapping[str, str], name: str, *, at_least: float, kind: str = "number") -> float:
    value = given.get(name, str(Settings.__dataclass_fields__[name].default))
    try:
        number = float(value)
    except ValueError:
        number = float("nan")
    whole = kind == "number" or number % 1 == 0
    if not (isfinite(number) and number >= at_least and whole):
        raise ConfigurationError(
            f"{_PREFIX}{name.upper()} must be a {kind} of at least {at_least:g}, got {value!r}"
        )
    return number
