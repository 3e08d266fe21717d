"""Mask: personal values leave the columns before anything stores them."""
