"""Taking note of what lies in the inbox: as much of it as a tick of the sensor has time for."""

import time
from collections.abc import Sequence

from dagster import SensorEvaluationContext

from metrics_platform.core.errors import InvalidLogIdError
from metrics_platform.core.log_ids import check_log_id
from metrics_platform.core.settings import Settings
from metrics_platform.store import INBOX, Arrival, Found, Store, sweep

# Dagster takes an empty cursor for none at all, and keeps the one before.
FROM_START = f"{INBOX}/"
# A hundred thousand recordings take seconds to list, and on a bucket a hundred requests: after
# such a listing the next one waits, so that not more than a tenth of the time goes into it.
_REST = 9
_SHORT_S = 2.0
_RESTING = "until:"


def register_arrivals(context: SensorEvaluationContext, settings: Settings, store: Store) -> str:
    """Walk the inbox for as long as a tick may take; return where the next one goes on.

    Args:
        context: Of a tick; its cursor is what this returned at the one before.
        settings: How long that may be, and when an upload counts as over.
        store: With the inbox, and the registry that takes note.
    """
    cursor = context.cursor or FROM_START
    if cursor.startswith(_RESTING):
        if time.time() < float(cursor.removeprefix(_RESTING)):
            return cursor
        cursor = FROM_START
    started = time.monotonic()
    following = None if cursor == FROM_START else cursor
    for found, beyond in sweep(store.objects, quiet_s=settings.quiet_s, after=following):
        following = beyond
        _register(context, store, found)
        if time.monotonic() - started > settings.tick_s:
            break
    seconds = time.monotonic() - started
    if cursor != FROM_START:
        # The tick before was not enough.
        seconds += settings.tick_s
    if following is None and seconds > _SHORT_S:
        return f"{_RESTING}{time.time() + _REST * seconds:.1f}"
    return following or FROM_START


def _register(context: SensorEvaluationContext, store: Store, found: Sequence[Arrival]) -> None:
    good, bad = _named(found)
    store.registry.reject(bad)
    made = store.registry.register(good)
    for source, reason in bad.items():
        context.log.warning(f"{source} is put aside: {reason}")
    for source in made.conflicting:
        context.log.warning(f"{source} is put aside: another source has its log id")
    if made.new or made.changed:
        context.log.info(f"{len(made.new)} new logs, {len(made.changed)} with new content")


def _named(found: Sequence[Arrival]) -> tuple[list[Found], dict[str, str]]:
    """Tell the arrivals that can be logs from those whose name cannot be a log id."""
    good, bad = [], {}
    for arrival in found:
        try:
            check_log_id(arrival.log_id)
        except InvalidLogIdError as error:
            bad[arrival.source] = str(error)
        else:
            good.append(
                Found(arrival.log_id, arrival.source, arrival.size_bytes, arrival.source_tag)
            )
    return good, bad
