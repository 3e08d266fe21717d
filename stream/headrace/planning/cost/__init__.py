"""Estimate the monthly cost: quantities from the load, prices from one dated file."""
