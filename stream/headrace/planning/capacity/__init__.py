"""Capacity planning beyond one machine: the limits of a job at a rate, its settings, and its recovery."""
