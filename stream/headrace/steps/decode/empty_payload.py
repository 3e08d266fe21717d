"""The refusal of a message without a payload, as Kafka's tombstones are."""

from __future__ import annotations

from typing import Final

from headrace.schemas.errors import UndecodableError

_WHY: Final = "an empty payload"
_DROP: Final = 'write "empty": "drop" in the envelope of the newest contract to drop these'


def empty_payload(data: bytes) -> UndecodableError:
    """Return the error for a message whose envelope is around nothing; *data* is the whole message.

    If that is empty too, the contract can say that such messages are dropped.
    """
    return UndecodableError(_WHY) if data else UndecodableError(_WHY, setting=_DROP)
