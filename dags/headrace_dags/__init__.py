"""What the DAGs share; not a DAG itself."""
