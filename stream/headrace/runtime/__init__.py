"""The surroundings of a process: Google clients, logs, the clock, child processes, exit codes."""
