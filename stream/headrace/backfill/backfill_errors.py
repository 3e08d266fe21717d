"""Errors of files and mappings as a whole; a single bad line becomes a dead letter."""

from __future__ import annotations

from headrace.errors import Exit, HeadraceError


class MappingError(HeadraceError, ValueError, error_code="HR-601", exit_code=Exit.CONFIGURATION):
    """A mapping file is invalid. The text gives the place, the problem and the remedy."""

    def __init__(self, where: str, why: str, remedy: str) -> None:
        super().__init__(f"{where}: {why}; {remedy}")
        self.where, self.why, self.remedy = where, why, remedy


class BackfillError(HeadraceError, RuntimeError, error_code="HR-602", exit_code=Exit.CONFIGURATION):
    """A file cannot be written to the table. The text gives the problem and the remedy. Rows already written stay."""


class CutOffError(BackfillError, error_code="HR-603", exit_code=Exit.CONFIGURATION):
    """A file cannot be read to its end. The rows before the unreadable place can be written."""
