"""What metric authors import in their own tests."""
