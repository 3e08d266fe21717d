"""Errors of ``headrace init``."""

from __future__ import annotations

from headrace.errors import Exit, HeadraceError


class ProjectOptionError(HeadraceError, ValueError, error_code="HR-312", exit_code=Exit.USAGE):
    """An option of a new project is invalid. The text names it, the rule that it breaks, and the remedy."""

    def __init__(self, where: str, why: str, remedy: str) -> None:
        super().__init__(f"{where}: {why}; {remedy}")
        self.where, self.why, self.remedy = where, why, remedy


class ProjectFolderError(HeadraceError, RuntimeError, error_code="HR-313", exit_code=Exit.CONFIGURATION):
    """A project cannot be made in a folder; nothing was written. The text gives folder, cause and remedy."""
