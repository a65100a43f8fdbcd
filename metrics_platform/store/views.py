"""Views over the index, for whoever reads Parquet without our client: DuckDB, ClickHouse, BigQuery.

They are made by a migration, so a change here takes a migration that makes them anew.
"""

from metrics_platform.store.index import SCHEMA

# Name to query. Paths are relative to the object root; times are those of the commit.
VIEWS = {
    # One row per object that has rows that count. `is_whole`: all of them do, so it can be read as
    # it is. Of the others, `current_rows` says which.
    "current_files": f"""
        SELECT v.domain, v.name, v.version, f.path, f.row_count, f.size_bytes, f.committed_at,
               NOT f.dirty AS is_whole
        FROM {SCHEMA}.files f
        JOIN {SCHEMA}.versions v USING (version_id)
        WHERE f.removed_at IS NULL AND (
            NOT f.dirty OR EXISTS (
                SELECT FROM {SCHEMA}.results r
                WHERE r.file_id = f.file_id AND r.superseded_at IS NULL AND r.row_count > 0
            )
        )
    """,
    # One row per current result that has rows: they are `row_count` rows of `path`, from
    # `row_offset` on, and the only ones there with this log_id that count.
    "current_rows": f"""
        SELECT v.domain, v.name, v.version, r.partition_key AS log_id, f.path, r.row_offset,
               r.row_count, NOT f.dirty AS is_whole, r.committed_at
        FROM {SCHEMA}.results r
        JOIN {SCHEMA}.versions v USING (version_id)
        JOIN {SCHEMA}.files f USING (file_id)
        WHERE r.superseded_at IS NULL AND r.row_count > 0
    """,
    # One row per current result, of whatever status, with its summary scalars and what the
    # registry knows of its log.
    "current_results": f"""
        SELECT v.domain, v.name, v.version, r.partition_key AS log_id, r.status, r.reason,
               r.row_count, r.summary, l.release, l.vehicle, l.place, r.run_id, r.committed_at
        FROM {SCHEMA}.results r
        JOIN {SCHEMA}.versions v USING (version_id)
        LEFT JOIN {SCHEMA}.logs l ON l.log_id = r.partition_key
        WHERE r.superseded_at IS NULL
    """,
}

CREATE_VIEWS = [f"CREATE VIEW {SCHEMA}.{name} AS {query}" for name, query in VIEWS.items()]
DROP_VIEWS = [f"DROP VIEW {SCHEMA}.{name}" for name in VIEWS]
