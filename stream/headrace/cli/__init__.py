"""The command line: options and help; ``commands`` implements the commands."""
