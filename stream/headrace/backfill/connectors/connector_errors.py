"""What can be wrong with a pull as a whole; a single row that is no event is a dead letter."""

from __future__ import annotations

from headrace.backfill.backfill_errors import BackfillError
from headrace.errors import Exit


class PullError(BackfillError, error_code="HR-604", exit_code=Exit.CONFIGURATION):
    """Rows of a source cannot be read as described. The text says why and the remedy, and holds no row or secret."""


class SourceAwayError(PullError, error_code="HR-605", exit_code=Exit.UNREACHABLE):
    """A database or an API does not answer after several attempts. Rows read before are written."""
