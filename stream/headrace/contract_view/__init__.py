"""``headrace contracts list``, ``show`` and ``diff``: contracts as people read them; offline, without credentials."""
