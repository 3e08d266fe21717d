"""The Pub/Sub resources that the job reads."""
