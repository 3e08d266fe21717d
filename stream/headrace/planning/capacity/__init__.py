"""Past one machine: what limits a job at a rate, the settings that follow, and how it recovers."""
