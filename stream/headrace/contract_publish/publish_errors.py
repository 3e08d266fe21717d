"""Errors of publishing contracts."""

from __future__ import annotations

from headrace.errors import Exit, HeadraceError


class PublishRefusedError(HeadraceError, ValueError, error_code="HR-151", exit_code=Exit.FOUND):
    """Contracts cannot be published as they are. The text or the plan says why, and what to change."""


class PublishTargetError(HeadraceError, ValueError, error_code="HR-152", exit_code=Exit.USAGE):
    """A place to publish to is neither a project's Pub/Sub nor a folder in a bucket, or is named twice."""


class PublishConflictError(HeadraceError, RuntimeError, error_code="HR-153", exit_code=Exit.FOUND):
    """Somebody else published while this command did. What was done stays; the same command continues."""
