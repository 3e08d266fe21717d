"""Show what a command is about to change, also to a reader that goes away, as ``head`` does."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager

from headrace.errors import Exit, HeadraceError
from headrace.runtime.standard_streams import ReaderGoneError, discard_output
from headrace.util.output import say


class UnreadPlanError(HeadraceError, RuntimeError, error_code="HR-328", exit_code=Exit.USAGE):
    """The reader of stdout has gone before the user could agree to what was shown there. Nothing was changed."""


@contextmanager
def showing_plan(agreed: bool) -> Iterator[None]:
    """Let the block print a plan. If the reader of stdout goes away, go on only if the user has *agreed* already.

    Raises:
        UnreadPlanError: the reader has gone, and the user has not agreed.
        OutputError: stdout cannot be written.
    """
    try:
        yield
    except ReaderGoneError:
        if not agreed:
            raise UnreadPlanError(
                "stdout: its reader has gone before everything was shown, so nothing was changed; do not cut the "
                "output, or add --yes to agree"
            ) from None
        discard_output()
        say("nobody reads the output any more; the command goes on")
