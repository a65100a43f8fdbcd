"""Tests of what authors import in their own tests."""
