"""``headrace contracts codegen``: Python classes of events, as text; offline, without credentials."""
