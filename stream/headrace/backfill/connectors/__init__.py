"""Backfill from databases and HTTP APIs: rows are pulled through dlt's sources, by a cursor that the journal keeps."""
