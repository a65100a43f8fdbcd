"""Versions of definitions in the index: a number each, and the columns of their rows."""

import json
from dataclasses import dataclass, field

import polars as pl
import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from metrics_platform.core.errors import StoreError
from metrics_platform.store.index import files, versions
from metrics_platform.store.objects import ObjectRoot
from metrics_platform.store.postgres import Postgres
from metrics_platform.store.reads import Scope, scan_files, version_number


@dataclass(frozen=True)
class Versions:
    """The versions that this process has written, so that it looks each up once.

    Attributes:
        postgres: Where the index is.
        objects: Where the rows are.
    """

    postgres: Postgres
    objects: ObjectRoot
    _numbers: dict[tuple[str, str, str], int] = field(default_factory=dict)
    _columns: dict[int, dict[str, str]] = field(default_factory=dict)

    def number(self, scope: Scope) -> int:
        """Return the number of the version of `scope`, given to it now if it has none."""
        key = (scope.domain, scope.name, scope.version)
        if key not in self._numbers:
            self._numbers[key] = self.postgres.query(lambda connection: _number(connection, scope))
        return self._numbers[key]

    def forget(self, scope: Scope) -> None:
        """Look the version up again: it may have been deleted with all its results."""
        number = self._numbers.pop((scope.domain, scope.name, scope.version), None)
        self._columns.pop(number or 0, None)

    def check_columns(self, scope: Scope, schema: pl.Schema) -> None:
        """See that the rows of a version all have the same columns, or no scan could read them.

        Raises:
            StoreError: They are stored with others.
        """
        number = self.number(scope)
        now = {name: str(dtype) for name, dtype in schema.items()}
        if number not in self._columns:
            self._columns[number] = self._settled(number, now)
        stored = self._columns[number]
        if stored == now:
            return
        before, after = ({f"{name}: {dtype}" for name, dtype in of.items()} for of in (stored, now))
        raise StoreError(
            f"{scope.name} {scope.version} is stored with other columns "
            f"(stored {sorted(before - after)}, now {sorted(after - before)}): "
            "give it another version"
        )

    def _settled(self, number: int, now: dict[str, str]) -> dict[str, str]:
        """Return the columns of a version; the first writer says which they are."""
        path = self.postgres.query(lambda connection: _newest(connection, number))
        if path is not None:
            # An index from before it kept columns: the files tell.
            schema = scan_files(self.objects, [path]).collect_schema()
            now = {name: str(dtype) for name, dtype in schema.items()}
        text = json.dumps(now)

        def settle(connection: sa.Connection) -> str | None:
            v = versions.c
            kept = sa.func.coalesce(v.columns, text)
            statement = sa.update(versions).where(v.version_id == number).values(columns=kept)
            kept_text: str | None = connection.scalar(statement.returning(v.columns))
            return kept_text

        found: dict[str, str] = json.loads(self.postgres.query(settle) or text)
        return found


def _number(connection: sa.Connection, scope: Scope) -> int:
    known = sa.select(version_number(scope.domain, scope.name, scope.version))
    number: int | None = connection.scalar(known)
    if number is None:
        values = {"domain": scope.domain, "name": scope.name, "version": scope.version}
        connection.execute(insert(versions).values(values).on_conflict_do_nothing())
        number = connection.execute(known).scalar_one()
    return number


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
