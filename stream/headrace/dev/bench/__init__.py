"""Benchmark of Headrace beside code that people write by hand, with the same events in one run."""
