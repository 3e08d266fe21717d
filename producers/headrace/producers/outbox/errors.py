"""Errors of an outbox."""

from __future__ import annotations

from headrace.errors import Exit, HeadraceError


class OutboxError(HeadraceError, RuntimeError, error_code="HR-203", exit_code=Exit.CONFIGURATION):
    """The file of an outbox cannot be used. The text names it, the cause and the remedy."""


class OutboxFullError(OutboxError, error_code="HR-204", exit_code=Exit.UNREACHABLE):
    """The outbox has had no room for another event during the whole wait. The event was not accepted."""


class NotSentError(HeadraceError, TimeoutError, error_code="HR-205", exit_code=Exit.UNREACHABLE):
    """Some events are still in the outbox. They are not lost: the next producer or ``outbox send`` sends them."""


class OutboxDamagedError(OutboxError, error_code="HR-206", exit_code=Exit.HALTED):
    """The file of an outbox is damaged, and a process uses it, so it was not repaired."""


class OutboxKeyError(OutboxError, error_code="HR-207", exit_code=Exit.CONFIGURATION):
    """The key of an encrypted outbox is missing or is another one."""


class DamageError(HeadraceError, RuntimeError, error_code="HR-208", exit_code=Exit.BUG):
    """The file of an outbox does not hold what was written. It is repaired or refused."""


class DamagedMessageError(HeadraceError, ValueError, error_code="HR-209", exit_code=Exit.FOUND):
    """A message in an outbox is not what was written. It is kept with the refused messages, and is not sent."""


class RefusedElsewhereError(HeadraceError, RuntimeError, error_code="HR-210", exit_code=Exit.FOUND):
    """Another process has sent a message of this one, and Pub/Sub refused it. The text is the name of the error."""


class RelayError(HeadraceError, RuntimeError, error_code="HR-211", exit_code=Exit.UNREACHABLE):
    """The database of a transactional outbox cannot be used. The text names it without its password."""
