"""Print the progress of a command on stderr."""

from __future__ import annotations

import sys
import time
from collections.abc import Callable
from typing import Any, Final

from headrace.dead_letters.replay_rate import Progress

LINE_SECONDS: Final = 5.0
REWRITE_SECONDS: Final = 0.2
_WIDTH: Final = 79


class ProgressLine:
    """Progress on stderr: one line that is rewritten on a terminal, elsewhere a new line every few seconds."""

    def __init__(
        self, verb: str, clock: Callable[[], float] = time.monotonic, to: Any = None, noun: str = "letters"
    ) -> None:
        self._verb = verb
        self._noun = noun
        self._clock = clock
        self._to = to or sys.stderr
        self._again = self._to.isatty()
        self._began = clock()
        self._next = self._began + (REWRITE_SECONDS if self._again else LINE_SECONDS)
        self._open = False

    def __call__(self, done: int, total: int) -> None:
        """Print the progress if the next line is due."""
        self.progress(Progress(done, total, self._clock() - self._began, self._noun))

    def progress(self, progress: Progress) -> None:
        """Print *progress* if the next line is due."""
        if self._clock() < self._next:
            return
        self._next = self._clock() + (REWRITE_SECONDS if self._again else LINE_SECONDS)
        text = f"{self._verb} {progress}"[:_WIDTH]
        self._to.write(f"\r{text:<{_WIDTH}}" if self._again else f"{text}\n")
        self._to.flush()
        self._open = self._again

    def end(self) -> None:
        """Clear the line."""
        if self._open:
            self._to.write(f"\r{'':<{_WIDTH}}\r")
            self._open = False
