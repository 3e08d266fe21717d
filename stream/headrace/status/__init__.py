"""The status of the job: a running engine, the backlogs in Pub/Sub, and the counts in the tables."""
