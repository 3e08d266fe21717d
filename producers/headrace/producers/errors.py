"""Errors of publishing that the caller can prevent or correct."""

from __future__ import annotations

from headrace.errors import Exit, HeadraceError


class ProducerClosedError(HeadraceError, RuntimeError, error_code="HR-202", exit_code=Exit.BUG):
    """The producer or publisher is closed."""


class MessageTooLargeError(HeadraceError, ValueError, error_code="HR-212", exit_code=Exit.FOUND):
    """A message is larger than Pub/Sub accepts, or than the publisher may hold. Nothing was sent."""


class CredentialsError(HeadraceError, RuntimeError, error_code="HR-220", exit_code=Exit.PERMISSION):
    """Google's credentials are missing or cannot be read. The text gives the remedy. Nothing was sent."""


class LargeEventError(HeadraceError, RuntimeError, error_code="HR-221", exit_code=Exit.UNREACHABLE):
    """A large event could not be uploaded, so it was not published. The text names the bucket and the remedy."""
