"""How messages reach Pub/Sub: collected into batches and sent over the generated client, several requests at a time."""
