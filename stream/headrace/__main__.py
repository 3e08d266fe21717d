"""The program ``headrace``, which ``python -m headrace`` also runs."""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # the working folder, which -m puts first: import no modules from there

from typing import NoReturn

from headrace.runtime.exit_codes import explain
from headrace.runtime.garbage import collect_less_often
from headrace.runtime.processes import run_program
from headrace.runtime.standard_streams import set_up_streams


def program() -> NoReturn:
    """Run the command line, and end this process."""
    set_up_streams()
    collect_less_often()
    run_program(_main)


def _main() -> None:
    try:
        from headrace.cli.app import main

        main()
    except ImportError as error:
        code, sentence = explain(error)
        sys.stderr.write(f"headrace: {sentence}\n")
        sys.exit(code)


if __name__ == "__main__":
    program()
