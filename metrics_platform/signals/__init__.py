"""Typed frames taken from a log, or derived from other signals: one module each."""
