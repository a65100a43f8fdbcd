"""The registry, the files and the results."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None
branch_labels = None
depends_on = None


def upgrade() -> None:
    """Create everything."""
    op.create_table(
        "files",
        sa.Column("file_id", sa.Uuid(), nullable=False),
        sa.Column("path", sa.Text(), nullable=False, comment="Relative to the object root."),
        sa.Column("domain", sa.Text(collation="C"), nullable=False),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Text(collation="C"), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("file_id"),
        schema="metrics_platform",
    )
    op.create_index("files_by_path", "files", ["path"], unique=True, schema="metrics_platform")
    op.create_index(
        "files_of_name",
        "files",
        ["domain", "name", "version"],
        unique=False,
        schema="metrics_platform",
    )
    op.create_table(
        "logs",
        sa.Column("log_id", sa.Text(collation="C"), nullable=False),
        sa.Column("source", sa.Text(), nullable=False, comment="Path below the inbox."),
        sa.Column("size_bytes", sa.BigInteger(), nullable=False),
        sa.Column(
            "source_tag", sa.Text(), nullable=False, comment="Another value: another content."
        ),
        sa.Column("state", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="Why it is in quarantine."),
        sa.Column(
            "request_key", sa.Text(), nullable=True, comment="Of the run that was asked to read it."
        ),
        sa.Column(
            "revision", sa.Integer(), nullable=False, comment="Counts contents under this id."
        ),
        sa.Column("registered_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("format", sa.Text(), nullable=True),
        sa.Column("start_ns", sa.BigInteger(), nullable=True),
        sa.Column("duration_s", sa.Double(), nullable=True),
        sa.Column("truncated", sa.Boolean(), nullable=True),
        sa.Column("vehicle", sa.Text(), nullable=True),
        sa.Column("release", sa.Text(), nullable=True),
        sa.Column("place", sa.Text(), nullable=True),
        sa.Column("mission", sa.Text(), nullable=True),
        sa.Column(
            "tags", postgresql.JSONB(none_as_null=True, astext_type=sa.Text()), nullable=True
        ),
        sa.Column("content_hash", sa.Text(), nullable=True, comment="Of the raw bytes."),
        sa.PrimaryKeyConstraint("log_id"),
        schema="metrics_platform",
    )
    op.create_index(
        "logs_in_state",
        "logs",
        ["state", "registered_at", "log_id"],
        unique=False,
        schema="metrics_platform",
    )
    op.create_index("logs_of_release", "logs", ["release"], unique=False, schema="metrics_platform")
    op.create_index(
        "logs_requested", "logs", ["request_key"], unique=False, schema="metrics_platform"
    )
    op.create_index(
        "logs_with_content", "logs", ["content_hash"], unique=False, schema="metrics_platform"
    )
    op.create_table(
        "rejected",
        sa.Column(
            "source", sa.Text(collation="C"), nullable=False, comment="Path below the inbox."
        ),
        sa.Column("reason", sa.Text(), nullable=False),
        sa.Column("seen_at", sa.DateTime(timezone=True), nullable=False),
        sa.PrimaryKeyConstraint("source"),
        schema="metrics_platform",
    )
    op.create_table(
        "results",
        sa.Column("id", sa.BigInteger(), sa.Identity(always=False), nullable=False),
        sa.Column("domain", sa.Text(collation="C"), nullable=False, comment="log or sim"),
        sa.Column("name", sa.Text(collation="C"), nullable=False),
        sa.Column("version", sa.Text(collation="C"), nullable=False),
        sa.Column(
            "partition_key",
            sa.Text(collation="C"),
            nullable=False,
            comment="The log_id of its rows.",
        ),
        sa.Column("fingerprint", sa.Text(), nullable=False),
        sa.Column("input_hash", sa.Text(), nullable=False),
        sa.Column("status", sa.Text(), nullable=False),
        sa.Column("reason", sa.Text(), nullable=True, comment="Null if computed."),
        sa.Column("file_id", sa.Uuid(), nullable=True, comment="Null without rows."),
        sa.Column("row_offset", sa.BigInteger(), nullable=False),
        sa.Column("row_count", sa.BigInteger(), nullable=False),
        sa.Column("content_hash", sa.Text(), nullable=True, comment="Null unless computed."),
        sa.Column(
            "summary",
            postgresql.JSONB(none_as_null=True, astext_type=sa.Text()),
            nullable=True,
            comment="Null unless computed.",
        ),
        sa.Column("run_id", sa.Text(), nullable=True),
        sa.Column("committed_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column(
            "superseded_at",
            sa.DateTime(timezone=True),
            nullable=True,
            comment="Null while it is current.",
        ),
        sa.ForeignKeyConstraint(
            ["file_id"],
            ["metrics_platform.files.file_id"],
        ),
        sa.PrimaryKeyConstraint("id"),
        schema="metrics_platform",
    )
    op.create_index(
        "results_current",
        "results",
        ["domain", "name", "version", "partition_key"],
        unique=True,
        schema="metrics_platform",
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.create_index(
        "results_history",
        "results",
        ["domain", "name", "version", "partition_key", "committed_at", "id"],
        unique=False,
        schema="metrics_platform",
    )
    op.create_index(
        "results_of_file", "results", ["file_id"], unique=False, schema="metrics_platform"
    )


def downgrade() -> None:
    """Drop everything."""
    op.drop_index("results_of_file", table_name="results", schema="metrics_platform")
    op.drop_index("results_history", table_name="results", schema="metrics_platform")
    op.drop_index(
        "results_current",
        table_name="results",
        schema="metrics_platform",
        postgresql_where=sa.text("superseded_at IS NULL"),
    )
    op.drop_table("results", schema="metrics_platform")
    op.drop_table("rejected", schema="metrics_platform")
    op.drop_index("logs_with_content", table_name="logs", schema="metrics_platform")
    op.drop_index("logs_requested", table_name="logs", schema="metrics_platform")
    op.drop_index("logs_of_release", table_name="logs", schema="metrics_platform")
    op.drop_index("logs_in_state", table_name="logs", schema="metrics_platform")
    op.drop_table("logs", schema="metrics_platform")
    op.drop_index("files_of_name", table_name="files", schema="metrics_platform")
    op.drop_index("files_by_path", table_name="files", schema="metrics_platform")
    op.drop_table("files", schema="metrics_platform")
