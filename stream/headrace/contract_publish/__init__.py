"""``headrace contracts publish``: contracts in a bucket, and as schemas of Pub/Sub; a plan before any change."""
