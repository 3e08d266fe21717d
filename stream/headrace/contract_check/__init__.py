"""``headrace contracts check``: faults of contracts, and what their changes break; offline, without credentials."""
