"""A schema registry with Confluent's API: its answers, their pins, and what they mean for a subject's messages."""
