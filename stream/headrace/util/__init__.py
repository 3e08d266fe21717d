"""Helpers for any module: terminal text, batches, hashes, Arrow buffers. They import no other module of Headrace."""
