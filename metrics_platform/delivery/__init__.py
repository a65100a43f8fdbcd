"""Results to the people and programs that decide on them."""
