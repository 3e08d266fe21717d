"""Validation and encoding of an event in one pass, by the compiled module."""
