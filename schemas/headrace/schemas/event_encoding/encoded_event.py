"""An event as bytes, with what its envelope needs."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, NamedTuple, TypeAlias


class EncodedEvent(NamedTuple):
    """The Avro *datum* of an event, and its validated *values*: at least those from which its id and time come."""

    datum: bytes
    values: dict[str, Any]


EncodeFields: TypeAlias = Callable[[object], EncodedEvent | None]
