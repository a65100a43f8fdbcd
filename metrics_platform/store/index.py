"""Tables of the index, all in the Postgres schema `metrics_platform`.

Keys sort by bytes (collation C), as Polars sorts them, whatever the locale of the server.
"""

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import JSONB

SCHEMA = "metrics_platform"

metadata = sa.MetaData(schema=SCHEMA)

_Key = sa.Text(collation="C")
_Time = sa.DateTime(timezone=True)

# One row per domain, name and version that ever had results: everything else points to it.
versions = sa.Table(
    "versions",
    metadata,
    sa.Column("version_id", sa.Integer, sa.Identity(), primary_key=True),
    sa.Column("domain", _Key, nullable=False, comment="log or sim"),
    sa.Column("name", _Key, nullable=False),
    sa.Column("version", _Key, nullable=False),
    sa.Column("columns", sa.Text, comment="Of its Parquet files; null until there is one."),
    sa.Column("history_from", _Time, comment="Retention has deleted what was superseded before."),
    sa.Column(
        "shadow_until",
        _Time,
        comment="Until then only a shadow has written it: infinity while it is so, null if never.",
    ),
    sa.Index("versions_by_name", "domain", "name", "version", unique=True),
)

# One row per time that a version was what readers get who ask for none.
promotions = sa.Table(
    "promotions",
    metadata,
    sa.Column("promotion_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("domain", _Key, nullable=False, comment="log or sim"),
    sa.Column("name", _Key, nullable=False),
    sa.Column("version", _Key, nullable=False),
    sa.Column("promoted_at", _Time, nullable=False),
    sa.Column("demoted_at", _Time, comment="Null while it is what readers get."),
    sa.Column("promoted_by", sa.Text),
    sa.Column("demoted_by", sa.Text),
    sa.Column("note", sa.Text, comment="Why."),
    sa.Column(
        "follows",
        sa.BigInteger,
        sa.ForeignKey(f"{SCHEMA}.promotions.promotion_id"),
        comment="What to go back to; null for no promotion.",
    ),
    sa.Column("had_before", _Key, comment="Of the first: the version that readers had, to go to."),
    sa.Index(
        "promotions_open",
        "domain",
        "name",
        unique=True,
        postgresql_where=sa.text("demoted_at IS NULL"),
    ),
    sa.Index("promotions_by_name", "domain", "name", "promoted_at"),
)

# One row per Parquet object that a commit or a compaction made.
files = sa.Table(
    "files",
    metadata,
    sa.Column("file_id", sa.Uuid, primary_key=True),
    sa.Column("version_id", sa.Integer, sa.ForeignKey(versions.c.version_id)),
    sa.Column("path", sa.Text, nullable=False, comment="Relative to the object root."),
    sa.Column("row_count", sa.BigInteger, nullable=False),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("committed_at", _Time, nullable=False),
    sa.Column(
        "dirty",
        sa.Boolean,
        nullable=False,
        server_default=sa.false(),
        comment="Not all of its rows are current.",
    ),
    sa.Column("unreferenced_at", _Time, comment="When gc first saw that no result points to it."),
    sa.Column("removed_at", _Time, comment="An orphan that gc took: nothing may point to it."),
    sa.Index("files_of_version", "version_id"),
    sa.Index("files_by_path", "path", unique=True),
)

# One row per result that ever was current: where its rows are, and from when to when it counted.
results = sa.Table(
    "results",
    metadata,
    sa.Column("id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("version_id", sa.Integer, sa.ForeignKey(versions.c.version_id), nullable=False),
    sa.Column("partition_key", _Key, nullable=False, comment="The log_id of its rows."),
    sa.Column("fingerprint", sa.Text, nullable=False),
    sa.Column("input_hash", sa.Text, nullable=False),
    sa.Column("status", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, comment="Null if computed."),
    sa.Column("file_id", sa.Uuid, sa.ForeignKey(files.c.file_id), comment="Null without rows."),
    sa.Column("row_offset", sa.BigInteger, nullable=False),
    sa.Column("row_count", sa.BigInteger, nullable=False),
    sa.Column("content_hash", sa.Text, comment="Null unless computed."),
    sa.Column("summary", JSONB(none_as_null=True), comment="Null unless computed."),
    sa.Column("run_id", sa.Text),
    sa.Column("committed_at", _Time, nullable=False),
    sa.Column("superseded_at", _Time, comment="Null while it is current."),
    sa.Index(
        "results_current",
        "version_id",
        "partition_key",
        unique=True,
        postgresql_where=sa.text("superseded_at IS NULL"),
    ),
    # What is superseded is asked for seldom, and written seldom: current results stay out of it.
    sa.Index(
        "results_superseded",
        "version_id",
        "partition_key",
        "committed_at",
        postgresql_where=sa.text("superseded_at IS NOT NULL"),
    ),
    sa.Index("results_of_file", "file_id"),
)

# One row per commit: what it wrote, and what it cost to compute.
commits = sa.Table(
    "commits",
    metadata,
    sa.Column("commit_id", sa.BigInteger, sa.Identity(), primary_key=True),
    sa.Column("version_id", sa.Integer, sa.ForeignKey(versions.c.version_id), nullable=False),
    sa.Column("run_id", sa.Text),
    sa.Column("written", sa.BigInteger, nullable=False, comment="Logs with another result."),
    sa.Column("unchanged", sa.BigInteger, nullable=False, comment="Logs with the same result."),
    sa.Column("row_count", sa.BigInteger, nullable=False, comment="Rows in the new object."),
    sa.Column("size_bytes", sa.BigInteger, nullable=False, comment="Of the new object."),
    sa.Column("seconds", sa.Double, nullable=False, comment="Wall time of computing it."),
    sa.Column("committed_at", _Time, nullable=False),
    sa.Index("commits_by_time", "committed_at"),
)

# One row per log: the log registry.
logs = sa.Table(
    "logs",
    metadata,
    sa.Column("log_id", _Key, primary_key=True),
    sa.Column("source", sa.Text, nullable=False, comment="Path below the inbox."),
    sa.Column("size_bytes", sa.BigInteger, nullable=False),
    sa.Column("source_tag", sa.Text, nullable=False, comment="Another value: another content."),
    sa.Column("state", sa.Text, nullable=False),
    sa.Column("reason", sa.Text, comment="Why it is in quarantine."),
    sa.Column("request_key", sa.Text, comment="Of the run that was asked to read it."),
    sa.Column("revision", sa.Integer, nullable=False, comment="Counts contents under this id."),
    sa.Column("registered_at", _Time, nullable=False),
    sa.Column("updated_at", _Time, nullable=False),
    sa.Column("format", sa.Text),
    sa.Column("start_ns", sa.BigInteger),
    sa.Column("duration_s", sa.Double),
    sa.Column("truncated", sa.Boolean),
    sa.Column("vehicle", sa.Text),
    sa.Column("release", sa.Text),
    sa.Column("place", sa.Text),
    sa.Column("mission", sa.Text),
    sa.Column("tags", JSONB(none_as_null=True)),
    sa.Column("content_hash", sa.Text, comment="Of the raw bytes."),
    sa.Column("archived_at", _Time, comment="No longer a partition; its results stay."),
    sa.Index("logs_in_state", "state", "registered_at", "log_id"),
    sa.Index("logs_with_content", "content_hash"),
    sa.Index("logs_requested", "request_key"),
    sa.Index("logs_of_release", "release"),
    sa.Index("logs_by_start", "start_ns"),
    sa.Index(
        "logs_with_tags", "tags", postgresql_using="gin", postgresql_ops={"tags": "jsonb_path_ops"}
    ),
)

# One row per source in the inbox that cannot become a log.
rejected = sa.Table(
    "rejected",
    metadata,
    sa.Column("source", _Key, primary_key=True, comment="Path below the inbox."),
    sa.Column("reason", sa.Text, nullable=False),
    sa.Column("seen_at", _Time, nullable=False),
)

# One row per definition that is to be computed again where it is missing or stale.
backfills = sa.Table(
    "backfills",
    metadata,
    sa.Column("domain", _Key, primary_key=True, comment="log or sim"),
    sa.Column("name", _Key, primary_key=True),
    sa.Column("requested_at", _Time, nullable=False),
)
