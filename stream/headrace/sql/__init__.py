"""GoogleSQL expressions of contracts: parsed by sqlglot, checked against columns, run on Arrow."""
