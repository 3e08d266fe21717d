"""What a month costs: quantities from the load, prices from one dated file."""
