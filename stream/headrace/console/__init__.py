"""Modules that commands and the demo share for a person at a terminal."""
