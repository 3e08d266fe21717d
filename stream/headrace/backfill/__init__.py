"""Backfill of files of history, whose lines are treated as messages."""
