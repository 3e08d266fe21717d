"""How fast Headrace is, beside what people write by hand: the same events, in one run."""
