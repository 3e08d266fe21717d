"""The implementation of each command; :mod:`headrace.cli.app` has options and help."""
