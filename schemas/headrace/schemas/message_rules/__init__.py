"""How a contract says that the messages of its subject are read: their event time, encoding and envelope."""
