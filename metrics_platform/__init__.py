"""A metrics platform for autonomous vehicles and delivery robots."""
