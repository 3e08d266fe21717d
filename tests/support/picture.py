"""Draw what a command printed to a terminal as an SVG.

    script -qc "stty cols 100; headrace demo" /dev/null | python -m tests.support.picture docs/images/demo.svg

keeps the report of the demo, from its first table to its verdict, without its rate and without rows of several lines.
"""

from __future__ import annotations

import io
import re
import sys
from pathlib import Path
from typing import Final

from rich.console import Console
from rich.terminal_theme import MONOKAI
from rich.text import Text

_REPORT: Final = re.compile(r"^[^\n]*One booking:.*?RECONCILED[^\n]*$", re.DOTALL | re.MULTILINE)
_LONG_ROW: Final = re.compile(r"^(?:passengers|contact|notes| {17}|[^\n]* messages in [^\n]*\n).*\n", re.MULTILINE)
_FONT: Final = re.compile(r"@font-face \{.*?\}\s*", re.DOTALL)
COLUMNS: Final = 100


def draw(printed: str) -> str:
    """Return the SVG of the report in *printed*, the output of ``headrace demo``; it refers to no other host.

    Raises:
        ValueError: there is no whole report in it.
    """
    report = _REPORT.search(printed.replace("\r", ""))
    if report is None:
        raise ValueError("no report that reconciles: run `headrace demo` in a terminal of 100 columns")
    console = Console(record=True, width=COLUMNS, file=io.StringIO())
    console.print("$ make demo", style="bold")
    for line in _LONG_ROW.sub("", report[0]).split("\n"):
        text = Text.from_ansi(line)
        text.rstrip()
        console.print(text, soft_wrap=True)
    picture = console.export_svg(title="headrace demo", theme=MONOKAI, unique_id="demo")
    return _FONT.sub("", picture).replace("Fira Code", "ui-monospace, Menlo, Consolas")


if __name__ == "__main__":
    Path(sys.argv[1]).write_text(draw(sys.stdin.read()))
