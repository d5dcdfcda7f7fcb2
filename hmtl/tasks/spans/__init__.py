"""Spans with labels."""
