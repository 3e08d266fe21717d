"""Messages whose envelopes are read: what decoding their payloads and writing their rows needs."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from typing import Any, Final, NamedTuple, Protocol, TypeAlias

from headrace.core.dead_letter import Reason, Refusal
from headrace.core.message import Message
from headrace.errors import Exit, HeadraceError
from headrace.schemas.message_rules.encoding import Encoding
from headrace.schemas.model import Record
from headrace.schemas.registry import Contract

# that payloads of one batch may be larger than on the wire; the last one may exceed it
MAX_UNPACKED_BYTES: Final = 64 * 1024 * 1024


class RefusedError(HeadraceError, error_code="HR-513", exit_code=Exit.BUG):
    """A message is invalid. *detail* contains no value of it."""

    def __init__(self, reason: Reason, detail: str) -> None:
        super().__init__(detail)
        self.reason, self.detail = reason, detail


class Writer(NamedTuple):
    """The version with which a message was written, and how its payload is read: *record* knows the header."""

    contract: Contract
    record: Record


def behind(record: Record, header: int, encoding: Encoding) -> Record:
    """Return *record* as its datum is in payloads of *encoding*: after *header* bytes.

    Where the contract says nothing of the encoding, a payload that is a datum behind a header too is refused.
    """
    return replace(record, datum=record.datum or encoding.is_stated, header=header)


GivenTime: TypeAlias = str | int | None
"""The time that an envelope gives: the text of ``ce-time``, microseconds since 1970, or None if the fields say it."""


class OpenedMessage(NamedTuple):
    """One message whose envelope is valid; *payload* is a datum, behind the header that *writer* knows."""

    writer: Writer
    event_id: str
    time: GivenTime
    source: str
    payload: bytes


class Opened(NamedTuple):
    """Some messages whose envelopes are valid, in columns.

    *indexes* are the messages' indexes. *published* and *first_published* are as in
    :class:`~headrace.core.message.Message`.
    """

    indexes: list[int]
    writers: list[Writer]
    ids: list[str]
    times: list[GivenTime]
    sources: list[str]
    payloads: list[bytes]
    published: list[int]
    first_published: list[int]

    @classmethod
    def none(cls) -> Opened:
        """Return a table without lines."""
        return cls([], [], [], [], [], [], [], [])

    def add(self, index: int, message: Message, opened: OpenedMessage) -> None:
        """Add the line of one message."""
        self.indexes.append(index)
        self.writers.append(opened.writer)
        self.ids.append(opened.event_id)
        self.times.append(opened.time)
        self.sources.append(opened.source)
        self.payloads.append(opened.payload)
        self.published.append(message.published_at)
        self.first_published.append(message.first_published_at)

    def and_again(self, places: Iterable[int], writers: Iterable[Writer], source: Opened) -> Opened:
        """Return these lines, and after them those of *source* at *places*, with other *writers*."""
        added = [(*line[:1], writer, *line[2:]) for line, writer in zip(source.lines(places), writers, strict=True)]
        return Opened(*map(list, zip(*self.lines(range(len(self.indexes))), *added, strict=True))) if added else self

    def lines(self, places: Iterable[int]) -> Iterator[tuple[Any, ...]]:
        """Yield the lines at *places*, as tuples of their values."""
        return (tuple(column[place] for column in self) for place in places)

    def first(self, count: int) -> Opened:
        """Return the first *count* lines."""
        return self.without(range(count, len(self.indexes)))

    def without(self, places: Collection[int]) -> Opened:
        """Return all lines but those at *places*."""
        if not places:
            return self
        lines = [line for place, line in enumerate(zip(*self, strict=True)) if place not in places]
        return Opened(*map(list, zip(*lines, strict=True))) if lines else Opened.none()


class Opener(Protocol):
    """Reader of the envelopes of one subject's messages."""

    def check(self, message: Message) -> OpenedMessage:
        """Read the envelope of one message; raises RefusedError with the reason if it is invalid."""

    def open(self, messages: Sequence[Message], refusals: list[Refusal]) -> tuple[Opened, int]:
        """Read the envelopes of *messages*, and add invalid ones to *refusals*.

        Returns:
            The messages, and how many were read: at least one, and all unless the payloads became too large when they
            were uncompressed.
        """

    def dropped(self, messages: Sequence[Message]) -> frozenset[int]:
        """Return the indexes of messages without a payload that the contract leaves out."""

    def attributes(self, message: Message) -> Mapping[str, str]:
        """Return the attributes of a valid message, with those that its envelope holds in the payload."""

    def others(self) -> Sequence[Writer]:
        """Return the versions with which a payload may be read if its own version does not read it."""
