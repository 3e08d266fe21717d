"""Errors of a pull as a whole; a single row that is not an event becomes a dead letter."""

from __future__ import annotations

from headrace.backfill.backfill_errors import BackfillError
from headrace.errors import Exit


class PullError(BackfillError, error_code="HR-604", exit_code=Exit.CONFIGURATION):
    """Rows of a source cannot be read as configured. The text gives problem and remedy, never a row or a secret."""


class SourceAwayError(PullError, error_code="HR-605", exit_code=Exit.UNREACHABLE):
    """A database or an API does not answer after several attempts. Rows read before are written."""
