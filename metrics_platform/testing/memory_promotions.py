"""Promotion in memory: which version readers get, as in the store."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime

import polars as pl

from metrics_platform.core.errors import NoResultsError, StoreError
from metrics_platform.store import Promotion
from metrics_platform.store.current_versions import check_moment
from metrics_platform.store.lost_logs import refuse_lost
from metrics_platform.store.promotions import PROMOTIONS
from metrics_platform.store.reads import Scope
from metrics_platform.testing.memory_results import MemoryResults


@dataclass
class _Promoted:
    """A promotion; one that took another's place stands on it (`follows`).

    The first remembers the version that readers had before it.
    """

    domain: str
    name: str
    version: str
    promoted_at: datetime
    promoted_by: str | None
    note: str | None
    follows: "_Promoted | None" = None
    had_before: str | None = None
    demoted_at: datetime | None = None
    demoted_by: str | None = None

    def points_at(self, moment: datetime | None) -> bool:
        """Say whether readers got its version at `moment`; None for now."""
        if moment is None:
            return self.demoted_at is None
        return self.promoted_at <= moment and (self.demoted_at is None or moment < self.demoted_at)


@dataclass
class MemoryPromotions:
    """What `store.Promotions` does, on results in memory."""

    _results: MemoryResults = field(default_factory=MemoryResults, init=False, repr=False)
    _promoted: list[_Promoted] = field(default_factory=list, init=False, repr=False)

    def promote(
        self,
        name: str,
        version: str,
        *,
        domain: str = "log",
        by: str | None = None,
        note: str | None = None,
        anyway: bool = False,
    ) -> Promotion:
        """Give `version` to all readers who ask for none; see `Store.promote`.

        Raises:
            NoResultsError: The version has no results.
            StoreError: Readers would lose logs, and not `anyway`.
        """
        known = self._results.known(domain, name)
        if version not in known:
            raise NoResultsError(
                f"nothing was computed of {domain} {name!r} {version}, so it cannot be promoted; "
                f"there are: {', '.join(known) or 'no versions'}"
            )
        found = self._open(domain, name)
        if found is not None and found.version == version:
            found.note = note if note is not None else found.note
            return Promotion(version, version)
        before = found.version if found else self._highest(domain, name, None)
        if before is not None and not anyway:
            self._check_lost(Scope(domain, name, before), Scope(domain, name, version))
        at = self._results.now()
        if found is not None:
            found.demoted_at, found.demoted_by = at, by
        had = before if found is None and before != version else None
        self._promoted.append(_Promoted(domain, name, version, at, by, note, found, had))
        return Promotion(before, version)

    def demote(self, name: str, *, domain: str = "log", by: str | None = None) -> Promotion:
        """Go back to what was promoted before, or to the highest; see `Store.demote`.

        Raises:
            StoreError: No version is promoted.
        """
        found = self._open(domain, name)
        if found is None:
            raise StoreError(
                f"no version of {domain} {name!r} is promoted: readers get the highest already"
            )
        at = self._results.now()
        found.demoted_at, found.demoted_by = at, by
        below = found.follows
        highest = self._highest(domain, name, None)
        if below is not None:
            under = (below.note, below.follows, below.had_before)
            self._promoted.append(_Promoted(domain, name, below.version, at, by, *under))
        elif found.had_before not in (None, highest):
            self._promoted.append(_Promoted(domain, name, found.had_before, at, by, None))
        now = self._open(domain, name)
        return Promotion(found.version, now.version if now else highest, is_promoted=bool(now))

    def promoted(
        self, name: str, *, domain: str = "log", as_of: datetime | None = None
    ) -> str | None:
        """Return the version that a promotion points to, now or then; None where there is none.

        Raises:
            StoreError: `as_of` has no time zone.
        """
        check_moment(as_of)
        found = self._open(domain, name, as_of)
        return None if found is None else found.version

    def current_version(
        self, name: str, *, domain: str = "log", as_of: datetime | None = None
    ) -> str:
        """Return the version that readers get who ask for none; see `Store.current_version`.

        Raises:
            NoResultsError: There is nothing for them: no results, or only those of a shadow.
            StoreError: `as_of` has no time zone.
        """
        version = self.promoted(name, domain=domain, as_of=as_of)
        version = version or self._highest(domain, name, as_of)
        if version is None:
            told = f"nothing was computed of {domain} {name!r}"
            if as_of is not None:
                told += f" until {as_of.isoformat()}"
            elif in_shadow := self._results.known(domain, name):
                told += f" but in shadow: {', '.join(in_shadow)}; `promote` gives it to readers"
            raise NoResultsError(told)
        return version

    def promotions(self, name: str | None = None, *, domain: str = "log") -> pl.DataFrame:
        """Return what was ever promoted, of each name the newest first; see `Store.promotions`."""
        found: Sequence[_Promoted] = [
            p for p in self._promoted if p.domain == domain and name in (None, p.name)
        ]
        rows = [tuple(getattr(p, column) for column in PROMOTIONS) for p in found]
        table = pl.DataFrame(rows, schema=PROMOTIONS, orient="row")
        return table.sort("name", "promoted_at", descending=[False, True])

    def _open(self, domain: str, name: str, moment: datetime | None = None) -> _Promoted | None:
        of_name = (p for p in self._promoted if (p.domain, p.name) == (domain, name))
        return next((p for p in of_name if p.points_at(moment)), None)

    def _highest(self, domain: str, name: str, as_of: datetime | None) -> str | None:
        results = self._results
        readable = results.known(domain, name, readable_at=as_of or results.now())
        for version in reversed(readable):
            if any(results.current(Scope(domain, name, version, as_of=as_of))):
                return version
        return None

    def _check_lost(self, before: Scope, after: Scope) -> None:
        then = {kept.result.log_id: kept.result.status for kept in self._results.current(after)}
        had = [kept.result for kept in self._results.current(before)]
        computed = [then.get(r.log_id) for r in had if r.status == "computed"]
        did_not_fail = [then.get(r.log_id) for r in had if r.status != "failed"]
        refuse_lost(
            before,
            after,
            len(did_not_fail),
            missing=computed.count(None),
            abstained=sum(status == "abstained" for status in computed),
            failed=sum(status == "failed" for status in did_not_fail),
        )
