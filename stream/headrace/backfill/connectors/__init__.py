"""Databases and HTTP APIs in place of files of history: pulled through dlt's sources, by a cursor that is kept."""
