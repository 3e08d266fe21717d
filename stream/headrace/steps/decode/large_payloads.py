"""Payloads that lie in buckets: messages have references to them, which are read before the payload is decoded."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from contextlib import suppress
from typing import Final, TypeAlias

from headrace.core.dead_letter import Reason
from headrace.core.message import Message
from headrace.schemas.data_reference import DATAREF, DataReference, Unread
from headrace.steps.decode.opened_messages import RefusedError

AT_ONCE: Final = 4  # objects that are read together
NOT_READ: Final = (
    "its payload lies in a bucket, and no bucket is read here; name it in the setting large_events of the job, such as "
    'large_events = ["gs://acme-large/orders"]'
)

ReadObjects: TypeAlias = Callable[[Sequence[DataReference]], Sequence[bytes | Unread]]
"""Reads objects, or raises an error of ``runtime.retry_policy.RETRYABLE`` if the bucket does not answer."""


def reads_nothing(references: Sequence[DataReference]) -> Sequence[bytes | Unread]:
    """Read no object: the settings name no bucket, or a command looks at messages without their buckets."""
    return [Unread(NOT_READ)] * len(references)


class LargePayloads:
    """Reads the payloads of messages with a reference; some are read together, and kept until they are taken."""

    def __init__(self, read: ReadObjects) -> None:
        self._read = read
        self._kept: dict[DataReference, bytes | Unread] = {}

    def take(self, message: Message, ahead: Iterable[Message] = ()) -> bytes:
        """Return the payload of *message*, whose own data is empty. The messages *ahead* may be taken next.

        Raises:
            RefusedError: the reference is invalid, or the object is not what it says.
        """
        reference = _reference(message.attributes)
        if reference is None:
            return message.data
        if reference not in self._kept:
            self._kept = self._read_together(reference, ahead)
        found = self._kept.pop(reference)
        if isinstance(found, Unread):
            raise RefusedError(Reason.UNREADABLE_REFERENCE, found.why)
        return found

    def _read_together(self, first: DataReference, ahead: Iterable[Message]) -> dict[DataReference, bytes | Unread]:
        wanted = {first: None}
        for message in ahead:
            if len(wanted) == AT_ONCE:
                break
            if message.data or DATAREF not in message.attributes:
                continue
            with suppress(RefusedError):  # it is refused when its turn comes
                if (reference := _reference(message.attributes)) is not None:
                    wanted[reference] = None
        return dict(zip(wanted, self._read([*wanted]), strict=True))


def _reference(attributes: Mapping[str, str]) -> DataReference | None:
    try:
        return DataReference.of_attributes(attributes)
    except ValueError as error:
        raise RefusedError(Reason.UNREADABLE_REFERENCE, str(error)) from None
