"""What a process needs around it: Google clients, logs, the clock, child processes, exit codes."""
