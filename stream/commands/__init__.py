"""What each command does; :mod:`stream.cli` says how it is called."""
