"""What `new` writes: a metric, its test, and in an empty folder a project around them."""
