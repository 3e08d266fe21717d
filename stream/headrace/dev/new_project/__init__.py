"""A new project: a contract of the user's own words, and everything that runs it."""
