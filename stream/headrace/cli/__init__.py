"""The command line. The modules here have options and help; ``commands`` implements the commands."""
