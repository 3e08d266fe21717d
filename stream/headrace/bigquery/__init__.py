"""Tables, write streams and queries of BigQuery."""
