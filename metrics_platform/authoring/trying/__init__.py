"""Computing a metric while it is written: inputs, settings, cost, and each save of a file."""
