"""Versioned metrics: one module each."""
