"""Which logs are meant, told by what is known of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import sqlalchemy as sa

from metrics_platform.core.errors import StoreError
from metrics_platform.store.index import logs
from metrics_platform.store.parameters import among, refuse_text

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


@dataclass(frozen=True, slots=True)
class Selection:
    """Logs of which all that is given here is true; nothing given: all in the registry.

    Raises:
        StoreError: One text is given where there may be several.

    Attributes:
        releases: The software version that drove is one of these.
        vehicles: Recorded by one of these.
        places: In one of these.
        missions: On one of these.
        tags: They have all of these.
        since: The recording begins then or later; with time zone.
        until: The recording begins before; with time zone.
    """

    releases: Sequence[str] = ()
    vehicles: Sequence[str] = ()
    places: Sequence[str] = ()
    missions: Sequence[str] = ()
    tags: Sequence[str] = ()
    since: datetime | None = None
    until: datetime | None = None

    def __post_init__(self) -> None:
        for values in (self.releases, self.vehicles, self.places, self.missions, self.tags):
            refuse_text(values)

    def log_ids(self) -> sa.Select[tuple[str]]:
        """Return the query for the ids.

        Raises:
            StoreError: A time has no time zone.
        """
        c = logs.c
        query = sa.select(c.log_id)
        for column, values in (
            (c.release, self.releases),
            (c.vehicle, self.vehicles),
            (c.place, self.places),
            (c.mission, self.missions),
        ):
            if values:
                query = query.where(among(column, values))
        if self.tags:
            query = query.where(c.tags.contains(list(self.tags)))
        if self.since is not None:
            query = query.where(c.start_ns >= nanoseconds("since", self.since))
        if self.until is not None:
            query = query.where(c.start_ns < nanoseconds("until", self.until))
        return query


def nanoseconds(name: str, moment: datetime) -> int:
    """Return `moment` on the clock of recordings; `name` says in the error what it is.

    Raises:
        StoreError: It has no time zone.
    """
    if moment.tzinfo is None:
        # It would be taken for UTC, and a person mostly means local time.
        raise StoreError(
            f"{name} must have a time zone, as datetime.now(UTC) has, got {moment.isoformat()}"
        )
    passed = moment - _EPOCH
    return (passed.days * 86_400 + passed.seconds) * 1_000_000_000 + passed.microseconds * 1_000
