"""What may name a log: it becomes a partition key, a label in the UI and part of queries."""

import re

from metrics_platform.core.errors import InvalidLogIdError

# `|`, `=`, `:` and `+` occur in real ids (comma2k19 routes, ISO times, hive-style folders).
_ALLOWED = re.compile(r"[A-Za-z0-9_][A-Za-z0-9._|:=+@~ -]{0,198}")


def check_log_id(log_id: str) -> str:
    """Return `log_id` as it came, if it can name a log.

    Raises:
        InvalidLogIdError: It is empty, longer than 199 characters, starts with a dot, or holds
            a path separator, `..` or a character that Dagster or object stores treat specially.
    """
    if not _ALLOWED.fullmatch(log_id) or ".." in log_id or log_id != log_id.strip():
        raise InvalidLogIdError(
            f"{log_id!r} cannot be a log id: expected 1 to 199 letters, digits or any of "
            "`. _ | : = + @ ~ -` and inner spaces, not starting with a dot and without `..`"
        )
    return log_id
