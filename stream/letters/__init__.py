"""Dead letters as people handle them: looked at, explained, mended and sent again."""
