"""Pure functions that judge results."""
