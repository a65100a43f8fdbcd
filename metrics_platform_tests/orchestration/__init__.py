"""Tests of the Dagster side, on a real instance."""
