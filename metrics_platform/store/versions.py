"""Versions of definitions in the index: a number each, and the columns of their rows."""

import json
from dataclasses import dataclass, field

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from metrics_platform.core.errors import OtherColumnsError, StoreError
from metrics_platform.store.index import files, versions
from metrics_platform.store.objects import ObjectRoot
from metrics_platform.store.postgres import Postgres
from metrics_platform.store.reads import Scope, scan_files

# Name and type of each, in their order: files of another order cannot be read together.
Columns = list[tuple[str, str]]


@dataclass(frozen=True)
class Versions:
    """The versions that this process has written, so that it looks each up once.

    Attributes:
        postgres: Where the index is.
        objects: Where the rows are.
    """

    postgres: Postgres
    objects: ObjectRoot
    _numbers: dict[tuple[str, str, str, bool], int] = field(default_factory=dict)
    _columns: dict[int, Columns] = field(default_factory=dict)

    def number(self, scope: Scope, *, shadow: bool = False) -> int:
        """Return the number of the version of `scope`, given to it now if it has none.

        Args:
            scope: Of the version.
            shadow: It is asked for by a shadow: readers don't get a version that only shadows have
                asked for.
        """
        # What a shadow asked for is asked for anew by its metric, which takes it out of the shadow.
        key = (scope.domain, scope.name, scope.version, shadow)
        # Another thread may forget it at any moment.
        number = self._numbers.get(key)
        if number is None:
            number = self.postgres.query(lambda connection: _number(connection, scope, shadow))
            self._numbers[key] = number
        return number

    def forget(self, scope: Scope) -> None:
        """Look the version up again: it may have been deleted with all its results."""
        for shadow in (False, True):
            key = (scope.domain, scope.name, scope.version, shadow)
            self._columns.pop(self._numbers.pop(key, 0), None)

    def check_columns(self, scope: Scope, schema: pl.Schema, *, shadow: bool = False) -> None:
        """See that the rows of a version all have the same columns, or no scan could read them.

        Raises:
            OtherColumnsError: They are stored with others.
        """
        number = self.number(scope, shadow=shadow)
        now = columns_of(schema)
        stored = self._columns.get(number)
        if stored is None:
            stored = self._settled(number, now)
        check_same_columns(scope, stored, now)

    def _settled(self, number: int, now: Columns) -> Columns:
        """Return the columns of a version: those of its files, or from now on `now`.

        As long as nothing is stored they are not final: whoever could store nothing with a wrong
        schema may correct it. So only those of files are remembered.
        """
        path = self.postgres.query(lambda connection: _newest(connection, number))
        if path is not None:
            # An index from before it kept columns: the files tell.
            now = columns_of(scan_files(self.objects, [path]).collect_schema())
        text = json.dumps(dict(now))

        def settle(connection: sa.Connection) -> tuple[str, bool] | None:
            v = versions.c
            of_version = (files.c.version_id == v.version_id, files.c.removed_at.is_(None))
            has_files = sa.exists().where(*of_version)
            kept = sa.case((has_files, sa.func.coalesce(v.columns, text)), else_=text)
            statement = sa.update(versions).where(v.version_id == number).values(columns=kept)
            found = connection.execute(statement.returning(v.columns, has_files)).first()
            return None if found is None else (found[0], found[1])

        found = self.postgres.query(settle)
        if found is None:
            # The version has been deleted meanwhile; the commit will notice.
            return now
        settled: Columns = list(json.loads(found[0]).items())
        if found[1]:
            self._columns[number] = settled
        return settled


def check_same_columns(scope: Scope, stored: Columns, now: Columns) -> None:
    """See that a version keeps its columns, their types and their order.

    Raises:
        OtherColumnsError: They are others.
    """
    if stored == now:
        return
    before, after = ({f"{name}: {dtype}" for name, dtype in of} for of in (stored, now))
    if before == after:
        raise OtherColumnsError(
            f"{scope.name} {scope.version} is stored with its columns in another order "
            f"(stored {[name for name, _ in stored]}, now {[name for name, _ in now]}): "
            "restore it, or give it another version"
        )
    raise OtherColumnsError(
        f"{scope.name} {scope.version} is stored with other columns "
        f"(stored {sorted(before - after)}, now {sorted(after - before)}): "
        "give it another version"
    )


def check_kept(connection: sa.Connection, scope: Scope) -> None:
    """See that what was current at the moment of `scope` has not been deleted since.

    Raises:
        StoreError: Some of it may have been.
    """
    since = connection.scalar(
        sa.select(versions.c.history_from).where(versions.c.version_id == scope.version_id)
    )
    if since is not None and scope.as_of is not None and scope.as_of < since:
        raise StoreError(
            f"results of {scope.domain} {scope.name!r} {scope.version} before {since.isoformat()} "
            f"are no longer kept, and {scope.as_of.isoformat()} was asked for"
        )


def is_shadow() -> sa.ColumnElement[bool]:
    """Say that only a shadow has written a version so far: readers get it once it is promoted."""
    return sa.func.coalesce(versions.c.shadow_until > sa.func.clock_timestamp(), sa.false())


def columns_of(schema: pl.Schema) -> Columns:
    """Return name and type of each column, in their order."""
    return [(name, str(dtype)) for name, dtype in schema.items()]


def _number(connection: sa.Connection, scope: Scope, shadow: bool) -> int:
    v = versions.c
    known = sa.select(v.version_id, is_shadow()).where(v.version_id == scope.version_id)
    found = connection.execute(known).first()
    if found is None:
        values: dict[str, object] = {
            "domain": scope.domain,
            "name": scope.name,
            "version": scope.version,
        }
        if shadow:
            values["shadow_until"] = sa.literal_column("'infinity'::timestamptz")
        added = insert(versions).values(values)
        connection.execute(added.on_conflict_do_nothing())
        found = connection.execute(known).one()
    number, is_only_shadows = found
    if is_only_shadows and not shadow:
        # From now on it is no shadow's alone, and never will be again.
        of_shadow = (v.version_id == number, is_shadow())
        taken_over = sa.update(versions).where(*of_shadow)
        connection.execute(taken_over.values(shadow_until=sa.func.clock_timestamp()))
    return int(number)


def _newest(connection: sa.Connection, number: int) -> str | None:
    """Return the newest file of a version whose columns the index doesn't have."""
    query = (
        sa.select(files.c.path)
        .join(versions, versions.c.version_id == files.c.version_id)
        .where(versions.c.version_id == number, versions.c.columns.is_(None))
        .where(files.c.removed_at.is_(None))
        .order_by(files.c.committed_at.desc())
    )
    path: str | None = connection.scalar(query.limit(1))
    return path
