"""The twin of the compiled decoder: payloads of many messages read at once, field by field, with numpy."""
