"""The command line: options and help. What a command does is in ``commands``."""
