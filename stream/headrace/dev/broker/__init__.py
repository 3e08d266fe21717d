"""A local broker with Pub/Sub's public gRPC API, for laptops, tests and CI.

It is one process, keeps its data in one SQLite file, and listens on the loopback interface only.
"""
