"""The program ``headrace``; also ``python -m headrace``, which is the same but for where Python looks for modules."""

from __future__ import annotations

import sys

if __name__ == "__main__" and not sys.flags.safe_path:
    del sys.path[0]  # the working folder, which -m puts first: what lies beside somebody's data is not our code

from typing import NoReturn

from headrace.errors import Exit
from headrace.runtime.processes import run_program
from headrace.runtime.standard_streams import set_up_streams


def program() -> NoReturn:
    """Run the command line, and end this process."""
    set_up_streams()
    try:
        from headrace.cli.app import main
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] == "headrace":
            raise
        sys.stderr.write(
            f"headrace: {error.name} is not installed: this installation has the SDK only; "
            "install the job and its commands with `pip install 'headrace[stream]'`\n"
        )
        sys.exit(Exit.CONFIGURATION)
    run_program(main)


if __name__ == "__main__":
    program()
