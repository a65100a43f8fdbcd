"""`metrics.lock`, and what has become of each definition since: `check` and `lock`."""
