"""GoogleSQL expressions of contracts: sqlglot parses them, and they are checked against columns and run on Arrow."""
