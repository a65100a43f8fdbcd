"""Versions as numbers, what commits cost, archives and backfills; files know if they are whole."""

import sqlalchemy as sa
from alembic import op

from metrics_platform.store.views import CREATE_VIEWS

revision = "0002"
down_revision = "0001"
branch_labels = None
depends_on = None

_SCHEMA = "metrics_platform"
_NAMES = ("domain", "name", "version")


def upgrade() -> None:
    """Take what is there along."""
    _versions()
    _results()
    _files()
    op.create_table(
        "commits",
        sa.Column("commit_id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("version_id", sa.Integer(), nullable=False),
        sa.Column("run_id", sa.Text()),
        sa.Column("written", sa.BigInteger(), nullable=False, comment="Logs with another result."),
        sa.Column(
            "unchanged", sa.BigInteger(), nullable=False, comment="Logs with the same result."
        ),
        sa.Column("row_count", sa.BigInteger(), nullable=False, comment="Rows in the new object."),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False, comment="Of the new object."),
        sa.Column("seconds", sa.Double(), nullable=False, comment="Wall time of computing it."),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("commit_id"),
        sa.ForeignKeyConstraint(["version_id"], [f"{_SCHEMA}.versions.version_id"]),
        schema=_SCHEMA,
    )
    op.create_index("commits_by_time", "commits", ["committed_at"], schema=_SCHEMA)
    op.create_table(
        "backfills",
        sa.Column("domain", sa.Text(collation="C"), nullable=False, comment="log or sim"),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("requested_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("domain", "name"),
        schema=_SCHEMA,
    )
    op.add_column(
        "logs",
        sa.Column(
            "archived_at",
            sa.DateTime(timezone=True),
            comment="No longer a partition; its results stay.",
        ),
        schema=_SCHEMA,
    )
    op.create_index("logs_by_start", "logs", ["start_ns"], schema=_SCHEMA)
    op.create_index(
        "logs_with_tags",
        "logs",
        ["tags"],
        schema=_SCHEMA,
        postgresql_using="gin",
        postgresql_ops={"tags": "jsonb_path_ops"},
    )
    for view in CREATE_VIEWS:
        op.execute(view)


def _versions() -> None:
    op.create_table(
        "versions",
        sa.Column("version_id", sa.Integer(), sa.Identity(always=False), nullable=False),
        sa.Column("domain", sa.Text(collation="C"), nullable=False, comment="log or sim"),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Text(collation="C"), nullable=False),
        sa.Column("columns", sa.Text(), comment="Of its Parquet files; null until there is one."),
        sa.Column(
            "history_from",
            sa.DateTime(timezone=True),
            comment="Retention has deleted what was superseded before.",
        ),
        sa.PrimaryKeyConstraint("version_id"),
        schema=_SCHEMA,
    )
    op.create_index("versions_by_name", "versions", list(_NAMES), unique=True, schema=_SCHEMA)
    op.execute(
        f"INSERT INTO {_SCHEMA}.versions (domain, name, version) "
        f"SELECT DISTINCT domain, name, version FROM {_SCHEMA}.results ORDER BY 1, 2, 3"
    )


def _numbered(table: str) -> None:
    """Put the number of its version into a table, in place of the names."""
    op.add_column(table, sa.Column("version_id", sa.Integer()), schema=_SCHEMA)
    op.execute(
        f"UPDATE {_SCHEMA}.{table} t SET version_id = v.version_id FROM {_SCHEMA}.versions v "
        "WHERE (v.domain, v.name, v.version) = (t.domain, t.name, t.version)"
    )
    op.create_foreign_key(
        None, table, "versions", ["version_id"], ["version_id"],
        source_schema=_SCHEMA, referent_schema=_SCHEMA,
    )  # fmt: skip
    for name in _NAMES:
        op.drop_column(table, name, schema=_SCHEMA)


def _results() -> None:
    # The indexes over the names go with their columns.
    _numbered("results")
    op.alter_column("results", "version_id", nullable=False, schema=_SCHEMA)
    key = ["version_id", "partition_key"]
    op.create_index(
        "results_current",
        "results",
        key,
        unique=True,
        schema=_SCHEMA,
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_index(
        "results_superseded",
        "results",
        [*key, "committed_at"],
        schema=_SCHEMA,
        postgresql_where=sa.text("superseded_at IS NOT NULL"),
    )


def _files() -> None:
    _numbered("files")
    op.create_index("files_of_version", "files", ["version_id"], schema=_SCHEMA)
    op.add_column(
        "files",
        sa.Column(
            "dirty",
            sa.Boolean(),
            nullable=False,
            server_default=sa.false(),
            comment="Not all of its rows are current.",
        ),
        schema=_SCHEMA,
    )
    op.add_column(
        "files",
        sa.Column(
            "unreferenced_at",
            sa.DateTime(timezone=True),
            comment="When gc first saw that no result points to it.",
        ),
        schema=_SCHEMA,
    )
    op.add_column(
        "files",
        sa.Column(
            "removed_at",
            sa.DateTime(timezone=True),
            comment="An orphan that gc took: nothing may point to it.",
        ),
        schema=_SCHEMA,
    )
    op.execute(
        f"UPDATE {_SCHEMA}.files f SET dirty = true WHERE row_count <> coalesce((SELECT "
        f"sum(r.row_count) FROM {_SCHEMA}.results r WHERE r.file_id = f.file_id "
        "AND r.superseded_at IS NULL), 0)"
    )


def downgrade() -> None:
    """Refuse: the names could be brought back, but not what gc and compaction did since."""
    raise NotImplementedError("an index of revision 0002 cannot go back: restore a backup")
