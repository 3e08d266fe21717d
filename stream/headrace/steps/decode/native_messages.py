"""Reader of Headrace's own envelope: CloudEvents in binary mode, around a datum without a header."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from itertools import islice
from typing import Final

from headrace.core.dead_letter import Reason, Refusal
from headrace.core.message import Message
from headrace.core.replay_attributes import LETTER_ID
from headrace.schemas.envelope import CONTENT_ENCODING, CONTENT_TYPE, MAX_ID_BYTES, Envelope
from headrace.schemas.errors import MalformedEnvelopeError, UndecodableError, UnknownSchemaError
from headrace.schemas.registry import Registry
from headrace.steps.decode.envelopes import Head, head_of
from headrace.steps.decode.large_payloads import LargePayloads, ReadObjects, reads_nothing
from headrace.steps.decode.native_payload import native_datum
from headrace.steps.decode.opened_messages import MAX_UNPACKED_BYTES, Opened, OpenedMessage, RefusedError, Writer

NATIVE: Final = "headrace:"  # a ce-dataschema of Headrace's own envelope begins with it


def is_native(message: Message) -> bool:
    """Return whether a message says that it is in Headrace's own envelope."""
    return message.attributes.get("ce-dataschema", "").startswith(NATIVE)


class NativeMessages:
    """Reader of the native messages of one subject."""

    def __init__(self, registry: Registry, subject: str, read_objects: ReadObjects = reads_nothing) -> None:
        newest = registry.latest(subject)
        self._registry = registry
        self._subject = subject
        self._may_be_compressed, self._notation = newest.options.encodings.may_be_compressed, newest.notation
        self._large = LargePayloads(read_objects)
        self._writers: dict[Head, Writer] = {}

    def check(self, message: Message, ahead: Iterable[Message] = ()) -> OpenedMessage:
        """Read one envelope, and find its contract; raises RefusedError with the reason if it is invalid.

        The messages *ahead* are read next, so that their payloads in buckets may be read together with this one.
        """
        try:
            envelope = Envelope.from_attributes(message.attributes)
            if envelope.schema.subject != self._subject:
                raise UnknownSchemaError(
                    f"subject {envelope.schema.subject} does not belong on the topic of {self._subject}"
                )
            contract = self._registry[envelope.schema]
            data = message.data or self._large.take(message, ahead)
            datum = native_datum(data, message.attributes, self._may_be_compressed)
        except MalformedEnvelopeError as error:
            raise RefusedError(Reason.MALFORMED_ENVELOPE, str(error)) from error
        except UnknownSchemaError as error:
            raise RefusedError(Reason.UNKNOWN_SCHEMA, str(error)) from error
        except UndecodableError as error:
            raise RefusedError(Reason.UNDECODABLE_PAYLOAD, error.told(self._notation)) from error
        writer = Writer(contract, contract.record)
        return OpenedMessage(writer, envelope.event_id, message.attributes["ce-time"], envelope.source, datum)

    def open(self, messages: Sequence[Message], refusals: list[Refusal]) -> tuple[Opened, int]:
        """Read envelopes, each only as far as needed: most differ only in id and time.

        Also read the fields that later steps need, because reading a message again would miss the CPU cache.

        Returns:
            The messages, and how many were read: payloads that are uncompressed take room.
        """
        opened, room = Opened.none(), MAX_UNPACKED_BYTES
        indexes, writers, ids, times, sources, payloads, published, first_published = opened
        for index, message in enumerate(messages):  # no function calls in this loop, because it runs for each message
            attributes, published_at = message.attributes, message.published_at
            get = attributes.get
            writer = self._writers.get(
                (get("ce-dataschema"), get("ce-type"), get("ce-specversion"), get("content-type"))
            )
            event_id, time, source, payload = get("ce-id"), get("ce-time"), get("ce-source"), message.data
            if (
                not ((writer and time and source) and event_id and event_id.isascii() and len(event_id) <= MAX_ID_BYTES)
                or CONTENT_ENCODING in attributes
                or not payload
            ):
                if room < 0:
                    return opened, index
                try:
                    writer, event_id, time, source, payload = self.check(message, islice(messages, index + 1, None))  # type: ignore[assignment]
                except RefusedError as error:
                    refusals.append(Refusal(index, error.reason, error.detail))
                    continue
                self._remember(message, writer)
                room -= len(payload) - len(message.data)
            indexes.append(index)
            writers.append(writer)
            ids.append(event_id)
            times.append(time)
            sources.append(source)
            payloads.append(payload)
            published.append(published_at)
            first_published.append(message.first_published_at if LETTER_ID in attributes else published_at)
        return opened, len(messages)

    def dropped(self, messages: Sequence[Message]) -> frozenset[int]:
        """Return none: a native message always has an event."""
        return frozenset()

    def attributes(self, message: Message) -> Mapping[str, str]:
        """Return the attributes of a message."""
        return message.attributes

    def others(self) -> Sequence[Writer]:
        """Return none: the version of a native message is what it says."""
        return ()

    def _remember(self, message: Message, writer: Writer) -> None:
        if message.attributes.get("content-type") == CONTENT_TYPE:  # otherwise other attributes decide too
            self._writers[head_of(message.attributes)] = writer
