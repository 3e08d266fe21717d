"""Compare counts with tables, window by window."""
