"""What each command does; :mod:`headrace.cli.app` says how it is called."""
