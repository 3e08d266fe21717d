"""Engines with one thing wrong each: importing a module breaks the engine of this process."""
