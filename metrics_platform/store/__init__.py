"""Results as Parquet on object storage, indexed in Postgres."""
