"""Dead letters as people handle them: kept in an archive, looked at, edited, replayed."""
