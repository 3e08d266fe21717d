"""Remove what a trial or a project has created, and nothing else."""
