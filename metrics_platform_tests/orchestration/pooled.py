"""What the daemon of a test loads: the platform with one metric that waits to be told to go on."""

from metrics_platform.core.settings import load_settings
from metrics_platform.definitions import definitions
from metrics_platform_tests.orchestration.faulty import catalog_with, waiting

defs = definitions(catalog_with(waiting), load_settings())
