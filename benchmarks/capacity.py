"""``python -m benchmarks.capacity``: run the commands of docs/capacity.md again, and draw its plots.

This brings the page up to date after a new calibration. People check the text around its blocks.
"""

from __future__ import annotations

import os
import re
import shlex
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from typer.testing import CliRunner

from benchmarks import reality
from headrace.cli.app import app
from headrace.planning.capacity.calibration import load_calibration

PAGE: Final = Path(__file__).parent.parent / "docs" / "capacity.md"
BLOCK: Final = re.compile(r"(?<=^```console\n)\$ headrace (capacity [^\n]*)\n.*?(?=^```$)", re.DOTALL | re.MULTILINE)

REALITY: Final = re.compile(r"short outages: [^\n]* s(?=\n)")
COSTS: Final = re.compile(r"^\| CPU of an event, µs .*?(?=^$|\Z)", re.DOTALL | re.MULTILINE)


def commands(page: str) -> Iterator[tuple[str, str]]:
    """Each command that the page shows, without its first word, and the block with what it prints."""
    for found in BLOCK.finditer(page):
        yield found[1], found[0]


def block(command: str) -> str:
    """What the page should show: the command, what it prints for a program, then what it says to a person."""
    os.environ["COLUMNS"] = "80"
    result = CliRunner().invoke(app, shlex.split(command))
    assert result.exit_code == 0, result.output
    lines = (result.stdout + result.stderr).splitlines()
    return "\n".join([f"$ headrace {command}", *(line.rstrip() for line in lines)]) + "\n"


def costs() -> str:
    """The table of what each step costs."""
    bookings, flights = (load_calibration().kinds[name] for name in ("booking_created", "flight_departed"))
    lines = ["| CPU of an event, µs | bookings | flights |", "| --- | ---: | ---: |"]
    lines += [f"| {step} | {cost:.1f} | {flights.event_us[step]:.1f} |" for step, cost in bookings.event_us.items()]
    return "\n".join(lines) + "\n"


def main() -> None:
    os.chdir(PAGE.parent.parent)  # plots are named from the root
    page = BLOCK.sub(lambda found: block(found[1]), PAGE.read_text())
    page = COSTS.sub(lambda _: costs(), page)
    pairs = reality.report()["pairs"]
    reality.draw(pairs)
    PAGE.write_text(REALITY.sub(lambda _: reality.line(pairs), page))


if __name__ == "__main__":
    main()
