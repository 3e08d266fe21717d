"""The program ``headrace``."""

from __future__ import annotations

from typing import NoReturn

from stream.cli import main
from stream.processes import run_program


def program() -> NoReturn:
    """Run the command line, and end this process."""
    run_program(main)


if __name__ == "__main__":
    program()
