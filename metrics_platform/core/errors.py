"""Every error the platform raises on purpose.

MetricsPlatformError
├── ConfigurationError        a setting is missing or makes no sense
├── DefinitionError           a metric or signal is declared wrongly
│   └── UnknownNameError      no metric, signal or column has that name
├── ContractError             a frame breaks the schema it promised
├── LogError                  something is wrong with one log
│   ├── InvalidLogIdError     the id cannot be a partition key
│   ├── UnreadableLogError    no reader can make sense of the recording
│   └── ClockError            the recording's clock runs backwards
├── LockError                 metrics.lock cannot be read, or its rows are others
│   └── LockConflictError     a merge left its marks in it
└── StoreError                results cannot be written or read
    ├── StoreUnavailableError the object root or Postgres does not answer
    ├── OtherColumnsError     a version is stored with other columns
    └── NoResultsError        nothing has been computed for what was asked
"""

from collections.abc import Iterable
from difflib import get_close_matches


class MetricsPlatformError(Exception):
    """Base of all errors that the platform raises on purpose."""


class ConfigurationError(MetricsPlatformError):
    """A setting is missing or makes no sense."""


class DefinitionError(MetricsPlatformError):
    """A metric or signal is declared wrongly."""


class UnknownNameError(DefinitionError):
    """No metric, signal or column has that name.

    Args:
        kind: What was looked for, for the message ("metric", "signal", …).
        name: The name that was asked for.
        known: The names that exist; the nearest is offered.
    """

    def __init__(self, kind: str, name: str, known: Iterable[str]) -> None:
        names = sorted(known)
        near = get_close_matches(name, names, n=1) or [n for n in names if n.startswith(name)]
        hint = f"did you mean {near[0]!r}?" if near else f"there are: {', '.join(names) or 'none'}"
        super().__init__(f"no {kind} named {name!r}; {hint}")


class ContractError(MetricsPlatformError):
    """A frame breaks the schema it promised.

    Args:
        message: What, expected, got, and where.
        log_ids: The logs whose rows are at fault; empty where the whole frame is
            (a missing column, a wrong type).
    """

    def __init__(self, message: str, log_ids: Iterable[str] = ()) -> None:
        super().__init__(message)
        self.log_ids = tuple(sorted(set(log_ids)))


class LogError(MetricsPlatformError):
    """Something is wrong with one log."""


class InvalidLogIdError(LogError):
    """The id cannot be a partition key."""


class UnreadableLogError(LogError):
    """No reader can make sense of the recording."""


class ClockError(LogError):
    """The recording's clock runs backwards, so its samples have no order."""


class LockError(MetricsPlatformError):
    """`metrics.lock` cannot be read, or its rows are not those that it speaks of."""


class LockConflictError(LockError):
    """A merge left its marks in `metrics.lock`."""


class StoreError(MetricsPlatformError):
    """Results cannot be written or read."""


class StoreUnavailableError(StoreError):
    """The object root or Postgres does not answer, or refuses."""


class OtherColumnsError(StoreError):
    """A version is stored with other columns than those that it has now."""


class NoResultsError(StoreError):
    """Nothing has been computed for what was asked."""
