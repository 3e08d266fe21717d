"""Headrace beside what people write by hand, on the same events, in one run."""
