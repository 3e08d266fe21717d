"""Modules for the interaction with people at a terminal, which commands and the demo share."""
