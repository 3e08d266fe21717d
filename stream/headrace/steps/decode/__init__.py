"""Decode step: converts messages into Arrow columns."""
