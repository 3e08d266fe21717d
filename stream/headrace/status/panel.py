"""The status on a terminal, written again in the same place."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from rich.console import Console
from rich.live import Live
from rich.text import Text

from headrace.core.resource_names import Names
from headrace.status.gather import Status
from headrace.status.view import view

_OTHER_LINES = 12  # of a screen: the heading and some sentences


@contextmanager
def showing(names: Names, journal: str, console: Console | None = None) -> Iterator[Callable[[Status], None]]:
    """Yield a function that shows a status in place of the one before. Text that is printed meanwhile goes above it."""
    console = console or Console()
    both = sys.stderr.isatty()  # otherwise what is logged there belongs elsewhere
    with Live(
        Text("asking ..."), console=console, auto_refresh=False, vertical_overflow="crop", redirect_stderr=both
    ) as live:

        def show(status: Status) -> None:
            most = max(3, console.size.height - _OTHER_LINES)
            live.update(view(status, names, journal, console.size.width, most), refresh=True)

        yield show
