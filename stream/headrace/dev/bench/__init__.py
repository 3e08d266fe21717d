"""Measure how fast Headrace is beside code that people write by hand: the same events, in one run."""
