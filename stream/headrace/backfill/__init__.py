"""Files of history, read as if their lines were messages."""
