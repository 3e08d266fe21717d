"""Debezium's change events: their envelope, the row in them, the position of the change, and its id."""
