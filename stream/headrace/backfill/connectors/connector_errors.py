"""What can be wrong with a pull as a whole; a single row that is no event is a dead letter."""

from __future__ import annotations

from headrace.backfill.backfill_errors import BackfillError


class PullError(BackfillError):
    """Rows that cannot be pulled as they are described; says which, why and the remedy. Holds no row and no secret."""


class SourceAwayError(PullError):
    """A database or an API that does not answer, however often it is asked. What came before is written."""
