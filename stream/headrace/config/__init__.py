"""Settings, keys and profiles of a job."""
