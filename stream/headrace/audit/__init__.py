"""Audit: comparison of counts with tables, window by window."""
