"""The only Dagster code: assets, IO manager, partitions, sensors, checks, event-log storage."""

import warnings

from dagster import BetaWarning

# Backfill policies and code references have been called beta for years; a line on stderr for
# every asset and process tells nobody anything. What is deprecated is still told.
warnings.filterwarnings("ignore", category=BetaWarning)
