"""Mask step: removes personal values from the columns before they are stored."""
