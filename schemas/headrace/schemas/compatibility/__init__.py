"""Comparison of two versions of a contract: what a change breaks, and by which rule."""
