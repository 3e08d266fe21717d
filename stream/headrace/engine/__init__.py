"""The embedded engine, which runs the whole job in one process."""
