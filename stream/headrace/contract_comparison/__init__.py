"""Contracts of a folder compared with what services hold: schemas of Pub/Sub or of a registry, tables of BigQuery."""
