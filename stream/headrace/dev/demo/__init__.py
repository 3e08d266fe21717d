"""Run the whole service on real events with planted faults."""
