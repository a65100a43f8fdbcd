"""Retention: results that nobody will ask for again are deleted from the index.

Only superseded results and whole old versions go, never what is current in a version that is kept.
Their files follow with gc once no result points to them.
"""

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from functools import partial
from itertools import groupby

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import ARRAY

from metrics_platform.core.errors import StoreError
from metrics_platform.store.commits import mark_dirty
from metrics_platform.store.current_versions import is_or_was_promoted
from metrics_platform.store.index import commits, files, results, versions
from metrics_platform.store.locks import alone
from metrics_platform.store.postgres import Postgres
from metrics_platform.store.versions import is_shadow

_AT_ONCE = 10_000


@dataclass(slots=True)
class Retained:
    """What was deleted, or would be.

    Attributes:
        superseded: Results that had been superseded for too long.
        of_versions: Results of old versions, current ones too.
        versions: Old versions, as `domain/name version`.
        commits: Records of what commits did and cost.
    """

    superseded: int
    of_versions: int
    versions: list[str]
    commits: int


@dataclass(frozen=True, slots=True)
class _Version:
    """A version that has results.

    Attributes:
        is_shadow: Only a shadow has written it.
        is_promoted: Or was, within the history that is kept.
    """

    version_id: int
    domain: str
    name: str
    version: str
    is_shadow: bool
    is_promoted: bool

    @property
    def order(self) -> tuple[str, str, list[int]]:
        return self.domain, self.name, [int(part) for part in self.version.split(".")]


def retain(
    postgres: Postgres,
    *,
    keep_superseded: timedelta | None,
    keep_versions: int | None,
    in_use: Collection[tuple[str, str]],
    keep_commits: timedelta | None,
    dry_run: bool,
) -> Retained:
    """Delete what is older than what is to be kept; see `Store.retain`."""
    for kept in (keep_superseded, keep_commits):
        if kept is not None and kept < timedelta(0):
            raise StoreError(f"what is to be kept must not be negative, got {kept}")
    if keep_versions is not None and keep_versions < 1:
        raise StoreError(f"at least one version must be kept, got {keep_versions}")
    r = results.c
    known = postgres.query(partial(_versions, kept=keep_superseded))
    old = set() if keep_versions is None else set(_old(known, keep_versions, in_use))
    found = Retained(0, 0, [], 0)
    for version in known:
        if version in old:
            deleted = _delete(postgres, version.version_id, [], dry_run)
            if deleted:
                found.versions.append(f"{version.domain}/{version.name} {version.version}")
                found.of_versions += deleted
        elif keep_superseded is not None:
            too_old = r.superseded_at < _before(keep_superseded)
            found.superseded += _delete(postgres, version.version_id, [too_old], dry_run) or 0
    if keep_commits is not None:
        too_old = commits.c.committed_at < _before(keep_commits)
        found.commits = postgres.query(lambda c: _delete_commits(c, too_old, dry_run))
    if not dry_run and keep_versions is not None:
        postgres.transaction(_delete_versions)
    return found


def _before(kept: timedelta) -> sa.ColumnElement[datetime]:
    return sa.func.now() - sa.literal(kept)


def _versions(connection: sa.Connection, kept: timedelta | None) -> list[_Version]:
    """Return the versions that have results, of each name the lowest first."""
    v = versions.c
    query = sa.select(
        v.version_id, v.domain, v.name, v.version, is_shadow(), is_or_was_promoted(kept)
    ).where(sa.exists().where(results.c.version_id == v.version_id))
    found = [_Version(*row) for row in connection.execute(query)]
    return sorted(found, key=lambda version: version.order)


def _old(
    known: Sequence[_Version], keep: int, in_use: Collection[tuple[str, str]]
) -> Iterator[_Version]:
    """Yield what is lower than the highest `keep` that readers could get without a promotion."""
    for _, of_name in groupby(known, key=lambda version: (version.domain, version.name)):
        all_of_name = list(of_name)
        kept = [version for version in all_of_name if not version.is_shadow][-keep:]
        for version in all_of_name:
            is_old = bool(kept) and version.order < kept[0].order
            if is_old and not version.is_promoted and (version.name, version.version) not in in_use:
                yield version


def _delete(
    postgres: Postgres, version_id: int, which: list[sa.ColumnElement[bool]], dry_run: bool
) -> int | None:
    """Delete results of a version and return how many; None where it is held by somebody else."""
    r = results.c
    conditions = [r.version_id == version_id, *which]
    with alone(postgres, version_id) as granted:
        if not granted:
            # It is being compacted: another time.
            return None
        query = sa.select(r.id).where(*conditions).order_by(r.partition_key, r.id)
        ids = list(postgres.query(lambda connection: connection.scalars(query).all()))
        if dry_run:
            return len(ids)
        # Superseded results some at a time; a whole version at once, as no reader is to take what
        # is left of it for all there is.
        at_once = _AT_ONCE if which else max(1, len(ids))
        deleted = 0
        for at in range(0, len(ids), at_once):
            some = ids[at : at + at_once]
            deleted += postgres.transaction(
                partial(_delete_some, version_id=version_id, ids=some, which=which)
            )
        return deleted


def _delete_some(
    connection: sa.Connection,
    version_id: int,
    ids: Sequence[int],
    which: list[sa.ColumnElement[bool]],
) -> int:
    r, v = results.c, versions.c
    if not which and _is_promoted_by_now(connection, version_id):
        return 0
    some = r.id == sa.any_(sa.literal(ids, ARRAY(sa.BigInteger)))
    # As writers do: results in the order of their keys, and files after them.
    locked = (
        sa.select(r.file_id, r.superseded_at)
        .where(some, *which)
        .order_by(r.partition_key, r.id)
        .with_for_update()
    )
    # The fleet is read from clean files, whether results point to them or not. Those that
    # superseded results point to are dirty already, or have the same rows for later ones.
    found = connection.execute(locked).all()
    left = {file_id for file_id, superseded_at in found if not superseded_at}
    mark_dirty(connection, sorted(file_id for file_id in left if file_id))
    if found:
        # What was current until now counted until now.
        last = max((at for _, at in found if at), default=None)
        until = last if all(at for _, at in found) else sa.func.clock_timestamp()
        later = sa.func.greatest(v.history_from, until)
        connection.execute(
            sa.update(versions).where(v.version_id == version_id).values(history_from=later)
        )
    return connection.execute(sa.delete(results).where(some, *which)).rowcount


def _is_promoted_by_now(connection: sa.Connection, version_id: int) -> bool:
    """Say whether readers get a version by a promotion, and let nobody promote it from now on."""
    of_version = sa.select(versions.c.version_id).where(versions.c.version_id == version_id)
    connection.execute(of_version.with_for_update(key_share=True))
    # A statement of its own sees what was committed until it was locked.
    promoted = of_version.where(is_or_was_promoted(timedelta(0)))
    return connection.execute(promoted).first() is not None


def _delete_commits(connection: sa.Connection, which: sa.ColumnElement[bool], dry_run: bool) -> int:
    if dry_run:
        return connection.execute(
            sa.select(sa.func.count()).select_from(commits).where(which)
        ).scalar_one()
    return connection.execute(sa.delete(commits).where(which)).rowcount


def _delete_versions(connection: sa.Connection) -> None:
    """Delete versions that nothing points to; a writer that is about to is given another number."""
    v = versions.c
    unused = [
        ~sa.exists().where(of.c.version_id == v.version_id) for of in (results, files, commits)
    ]
    locked = sa.select(v.version_id).where(*unused).with_for_update(skip_locked=True)
    some = v.version_id == sa.any_(sa.literal(list(connection.scalars(locked)), ARRAY(sa.Integer)))
    # A statement of its own sees what was committed until they were locked.
    connection.execute(sa.delete(versions).where(some, *unused))
