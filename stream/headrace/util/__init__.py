"""Help for any module: text for a terminal, batches, hashes, Arrow buffers. Imports nothing of ours."""
