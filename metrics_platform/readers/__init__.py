"""Recordings in, recorded signals out: one module per format."""
