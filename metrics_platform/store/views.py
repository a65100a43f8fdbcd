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

# One row per domain and name that there is something of for readers who ask for no version: the
# one that they get, by the same rule as `current_versions`.
READERS_VERSIONS = f"""
    SELECT DISTINCT ON (v.domain, v.name) v.domain, v.name, v.version
    FROM {SCHEMA}.versions v
    LEFT JOIN {SCHEMA}.promotions p
        ON p.domain = v.domain AND p.name = v.name AND p.version = v.version
        AND p.demoted_at IS NULL
    WHERE p.promotion_id IS NOT NULL OR (
        (v.shadow_until IS NULL OR v.shadow_until <= clock_timestamp()) AND (
            -- The first by key, and not any, or Postgres would read through all results for one.
            SELECT r.id FROM {SCHEMA}.results r
            WHERE r.version_id = v.version_id AND r.superseded_at IS NULL
            ORDER BY r.partition_key LIMIT 1
        ) IS NOT NULL
    )
    ORDER BY v.domain, v.name, p.promotion_id NULLS LAST,
             string_to_array(v.version, '.')::bigint[] DESC
"""

CREATE_VIEWS = [f"CREATE VIEW {SCHEMA}.{name} AS {query}" for name, query in VIEWS.items()]
CREATE_READERS_VERSIONS = f"CREATE VIEW {SCHEMA}.readers_versions AS {READERS_VERSIONS}"
DROP_READERS_VERSIONS = f"DROP VIEW {SCHEMA}.readers_versions"
DROP_VIEWS = [f"DROP VIEW {SCHEMA}.{name}" for name in VIEWS]
