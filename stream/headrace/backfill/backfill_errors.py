"""What can be wrong with files and their mapping as a whole; a single bad line is a dead letter."""

from __future__ import annotations


class MappingError(ValueError):
    """A mapping that cannot be used; says where, why and the remedy."""

    def __init__(self, where: str, why: str, remedy: str) -> None:
        super().__init__(f"{where}: {why}; {remedy}")
        self.where, self.why, self.remedy = where, why, remedy


class BackfillError(RuntimeError):
    """A file that cannot be written as it is; says which, why and the remedy. What is written already stays."""


class CutOffError(BackfillError):
    """A file that cannot be read any further; what came before can be written."""
