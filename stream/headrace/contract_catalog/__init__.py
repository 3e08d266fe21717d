"""``headrace contracts catalog``: static pages and an AsyncAPI document of contracts; offline, without credentials."""
