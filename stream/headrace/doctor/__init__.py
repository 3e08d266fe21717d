"""Checks of everything that the commands need, each with a remedy."""
