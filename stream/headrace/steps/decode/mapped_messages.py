"""Reader of messages of other clients, by the envelope and the encoding that the newest contract declares."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from contextlib import suppress
from itertools import islice
from typing import Final, TypeAlias, assert_never

from headrace.core.dead_letter import Reason, Refusal
from headrace.core.message import Message
from headrace.schemas.envelope import MAX_ID_BYTES, SchemaRef
from headrace.schemas.errors import MalformedEnvelopeError, UndecodableError, UnknownSchemaError, UnreadableTextError
from headrace.schemas.json_encoding.compile_json import Transcode, compile_json
from headrace.schemas.json_encoding.make_plan import as_json_has_it
from headrace.schemas.message_rules.change_events import EVENT
from headrace.schemas.message_rules.encoding import Body, Encoding, Encodings, Frame
from headrace.schemas.message_rules.envelope import (
    AttributesId,
    EmptyPayload,
    EnvelopeKind,
    EnvelopeRules,
    MessageId,
    RevisionVersion,
    VersionAttribute,
)
from headrace.schemas.message_rules.event_moment import attribute_moment
from headrace.schemas.message_rules.event_time import AttributeTime, EventTimeRule, FieldTime, PublishTime
from headrace.schemas.message_rules.known_schemas import KnownSchemas
from headrace.schemas.registry import Registry
from headrace.steps.decode import cloudevents
from headrace.steps.decode.changes.messages import ChangeMessages
from headrace.steps.decode.empty_payload import empty_payload
from headrace.steps.decode.joined_ids import joined
from headrace.steps.decode.large_payloads import ReadObjects, reads_nothing
from headrace.steps.decode.native_messages import NativeMessages, is_native
from headrace.steps.decode.opened_messages import (
    MAX_UNPACKED_BYTES,
    GivenTime,
    Opened,
    OpenedMessage,
    RefusedError,
    Writer,
    behind,
)
from headrace.steps.decode.payload_layers import Framed, behind_header, read_header, unpack
from headrace.steps.decode.schema_versions import AskRegistry, SchemaId, SchemaVersions

Context: TypeAlias = tuple[Mapping[str, str], bytes]
UNKNOWN_SOURCE: Final = "unknown"


class MappedMessages:
    """Reader of the messages of one subject. A message in Headrace's own envelope is read as such."""

    def __init__(
        self,
        registry: Registry,
        subject: str,
        ask: AskRegistry | None = None,
        read_objects: ReadObjects = reads_nothing,
    ) -> None:
        newest = registry.latest(subject)
        self._registry, self._subject = registry, subject
        self._native = NativeMessages(registry, subject, read_objects)
        self._rules, self._encodings = newest.options.envelope, newest.options.encodings
        self._event_time, self._notation = newest.options.event_time, newest.notation
        self._known = KnownSchemas.of(each for each in registry if each.subject == subject)
        self._versions = {
            each: SchemaVersions(each, self._rules.version, self._known, newest.ref.version, ask)
            for each in self._encodings
        }
        self._changes = ChangeMessages.of(newest)
        self._context = _context_reader(self._rules) if self._changes is None else self._changes.context
        self._telling_bytes = _telling_bytes(self._encodings, self._rules)
        self._writers: dict[tuple[Encoding, int, int], Writer] = {}
        self._transcoders: dict[tuple[Encoding, int], Transcode] = {}

    def check(self, message: Message) -> OpenedMessage:
        """Read one message up to its datum; raises RefusedError with the reason if it is invalid."""
        return self._check(message, {})

    def _check(self, message: Message, known: dict[bytes, Writer], ahead: Iterable[Message] = ()) -> OpenedMessage:
        if is_native(message):
            return self._native.check(message, filter(is_native, ahead))
        try:
            return self._opened(message, known)
        except MalformedEnvelopeError as error:
            raise RefusedError(Reason.MALFORMED_ENVELOPE, str(error)) from error
        except UnknownSchemaError as error:
            raise RefusedError(Reason.UNKNOWN_SCHEMA, str(error)) from error
        except UndecodableError as error:
            raise RefusedError(Reason.UNDECODABLE_PAYLOAD, error.told(self._notation)) from error

    def open(self, messages: Sequence[Message], refusals: list[Refusal]) -> tuple[Opened, int]:
        """Read messages up to their datums, while these have room, and add invalid ones to *refusals*."""
        opened, room = Opened.none(), MAX_UNPACKED_BYTES
        self._learn(messages)
        known: dict[bytes, Writer] = {}
        for index, message in enumerate(messages):
            if room < 0:
                return opened, index
            try:
                one = self._check(message, known, islice(messages, index + 1, None))
            except RefusedError as error:
                refusals.append(Refusal(index, error.reason, error.detail))
                continue
            opened.add(index, message, one)
            room -= max(0, len(one.payload) - len(message.data))
        return opened, len(messages)

    def _learn(self, messages: Sequence[Message]) -> None:
        """Let the registry be asked for the ids of all messages together: each may take a pause of its own."""
        for encoding, versions in self._versions.items():
            if encoding.header_bytes and encoding.compression is None and not encoding.base64:
                headers = {each.data[: encoding.header_bytes] for each in messages}
                versions.learn(_schema_ids(headers, encoding))

    def dropped(self, messages: Sequence[Message]) -> frozenset[int]:
        """Return the indexes of messages without a payload or a row, if the contract leaves them out."""
        return frozenset(index for index, each in enumerate(messages) if self._is_left_out(each))

    def _is_left_out(self, message: Message) -> bool:
        match self._rules.empty:
            case EmptyPayload.DROP if not message.data:
                return not is_native(message)
            case EmptyPayload.REFUSE | EmptyPayload.DROP:
                return self._changes is not None and self._changes.is_left_out(message)
            case _:
                assert_never(self._rules.empty)

    def attributes(self, message: Message) -> Mapping[str, str]:
        """Return the attributes of a valid message, with the context of a CloudEvent under ``ce-``."""
        return message.attributes if is_native(message) else self._context(message)[0]

    def others(self) -> Sequence[Writer]:
        """Return the versions that the contract names by their schema revisions, the newest first."""
        if not isinstance(self._rules.version, RevisionVersion):
            return ()
        versions = sorted(set(self._known.revisions.values()), reverse=True)
        return [self._writer(encoding, version, 0) for version in versions for encoding in self._encodings]

    def context(self, message: Message) -> Context:
        """Return the attributes and the payload that the envelope gives.

        Raises:
            MalformedEnvelopeError: an attribute of the envelope is missing or invalid.
            UndecodableError: the envelope is in the payload, and cannot be read.
        """
        return self._context(message)

    def encoding(self, attributes: Mapping[str, str]) -> Encoding:
        """Return the encoding of a message; raises MalformedEnvelopeError if its content type names none of several."""
        encoding = self._encodings[0] if len(self._encodings) == 1 else None
        encoding = encoding or self._encodings.of(cloudevents.content_type(attributes))
        if encoding is None:
            raise MalformedEnvelopeError("content-type", "names none of the encodings that the contract states")
        return encoding

    def version(self, encoding: Encoding, schema_id: SchemaId | None, attributes: Mapping[str, str]) -> int:
        """Return the version of a message; raises RefusedError or MalformedEnvelopeError if it does not tell one."""
        return self._versions[encoding].of(schema_id, attributes)

    def time(self, message: Message, attributes: Mapping[str, str]) -> GivenTime:
        """Return the time that a message itself says, without its fields; raises MalformedEnvelopeError."""
        return _given_time(self._event_time, attributes, message.first_published_at)

    def _opened(self, message: Message, known: dict[bytes, Writer]) -> OpenedMessage:
        """Read one message; *known* has the version that payloads with the same first bytes were written with."""
        attributes, data = self._context(message)
        if not data:
            raise empty_payload(message.data)
        beginning = None if self._telling_bytes is None else data[: self._telling_bytes]
        writer = None if beginning is None else known.get(beginning)
        if writer is None:
            writer, data = self._read(data, attributes)
            if beginning is not None:
                known[beginning] = writer
        return OpenedMessage(
            writer=writer,
            event_id=self.event_id(message, attributes),
            time=self.time(message, attributes),
            source=self.source(attributes),
            payload=data,
        )

    def _read(self, data: bytes, attributes: Mapping[str, str]) -> tuple[Writer, bytes]:
        """Return the version of a payload, and its datum behind the header that the version's reader knows."""
        encoding = self.encoding(attributes)
        framed = read_header(unpack(data, encoding, attributes), encoding)
        version = self.version(encoding, framed.schema_id, attributes)
        value = self._value(encoding, version, framed, attributes)
        return self._writer(encoding, version, value.start), value.data

    def _value(self, encoding: Encoding, version: int, framed: Framed, attributes: Mapping[str, str]) -> Framed:
        """Return the value as a datum."""
        if encoding.json is None:
            return framed
        if self._changes is not None:
            contract = self._registry[SchemaRef(self._subject, version)]
            return Framed(framed.schema_id, self._changes.row(contract, framed, attributes), 0)
        key = (encoding, version)
        transcode = self._transcoders.get(key)
        if transcode is None:
            record = self._registry[SchemaRef(self._subject, version)].record
            transcode = self._transcoders[key] = compile_json(record, encoding.json)
        return Framed(framed.schema_id, behind_header(transcode, framed), 0)

    def _writer(self, encoding: Encoding, version: int, header: int) -> Writer:
        key = (encoding, version, header)
        writer = self._writers.get(key)
        if writer is None:
            contract = self._registry[SchemaRef(self._subject, version)]
            record = contract.record if encoding.json is None else as_json_has_it(contract.record)
            writer = self._writers[key] = Writer(contract, behind(record, header, encoding))
        return writer

    def event_id(self, message: Message, attributes: Mapping[str, str]) -> str:
        """Return the id of an event by the contract's rule; raises MalformedEnvelopeError."""
        match self._rules.id:
            case None:
                name = "ce-id" if self._changes is None else EVENT
                return _checked_id(name, attributes.get(name))
            case MessageId():
                return _checked_id("Pub/Sub's message id", message.first_message_id)
            case AttributesId(names):
                if len(names) == 1:
                    return _checked_id(names[0], attributes.get(names[0]))
                parts = [_checked_id(name, attributes.get(name)) for name in names]
                return _checked_id(names[0], joined(parts))
            case _:
                assert_never(self._rules.id)

    def source(self, attributes: Mapping[str, str]) -> str:
        """Return the source of an event by the contract's rule."""
        if self._rules.source_attribute is not None:
            return attributes.get(self._rules.source_attribute) or UNKNOWN_SOURCE
        return self._rules.source or attributes.get("ce-source") or UNKNOWN_SOURCE


def _telling_bytes(encodings: Encodings, rules: EnvelopeRules) -> int | None:
    """Return how many first bytes of a payload tell how it is read; None if other bytes or attributes tell it too."""
    (encoding, *others), version = encodings, rules.version
    by_attribute = encoding.id_attribute is not None or isinstance(version, VersionAttribute | RevisionVersion)
    is_around = encoding.compression is not None or encoding.base64 or encoding.frame is Frame.GLUE
    if others or by_attribute or is_around or encoding.body is not Body.DATUM:
        return None
    return encoding.header_bytes


def _schema_ids(headers: Iterable[bytes], encoding: Encoding) -> Iterator[int | bytes | None]:
    for header in headers:
        with suppress(UndecodableError):
            yield read_header(header, encoding).schema_id


def _checked_id(name: str, value: str | None) -> str:
    if not value:
        raise MalformedEnvelopeError(name, "is missing" if value is None else "is empty")
    try:
        if len(value.encode()) <= MAX_ID_BYTES:
            return value
    except UnicodeEncodeError:
        raise MalformedEnvelopeError(name, "holds half a character") from None
    raise MalformedEnvelopeError(name, f"is longer than {MAX_ID_BYTES} bytes")


def _context_reader(rules: EnvelopeRules) -> Callable[[Message], Context]:
    match rules.kind:
        case EnvelopeKind.HEADRACE | EnvelopeKind.ATTRIBUTES:
            return lambda message: (message.attributes, message.data)
        case EnvelopeKind.CLOUDEVENTS | EnvelopeKind.CLOUDEVENTS_STRUCTURED:
            return lambda message: _cloudevent(message, rules)
        case EnvelopeKind.DEBEZIUM:
            raise TypeError("the context of change events is read elsewhere")
        case _:
            assert_never(rules.kind)


def _cloudevent(message: Message, rules: EnvelopeRules) -> Context:
    structured = rules.kind is EnvelopeKind.CLOUDEVENTS_STRUCTURED
    if structured or cloudevents.content_type(message.attributes) == cloudevents.STRUCTURED:
        event = cloudevents.read_structured(message.attributes, message.data)
    else:
        event = cloudevents.read_binary(message.attributes, message.data, rules.percent_encoded)
    if rules.type is not None and event.attributes["ce-type"] != rules.type:
        raise MalformedEnvelopeError("ce-type", "is not the type that the contract states")
    return event.attributes, event.data


def _given_time(rule: EventTimeRule | None, attributes: Mapping[str, str], published: int) -> GivenTime:
    """Return the time that the message itself says; None if the fields say it, or nothing does."""
    match rule:
        case None:
            return None
        case PublishTime():
            return published
        case FieldTime():
            try:
                return _given_time(rule.fallback, attributes, published)
            except MalformedEnvelopeError:
                return None  # the field may say it
        case AttributeTime():
            return _attribute_time(rule, attributes, published)
        case _:
            assert_never(rule)


def _attribute_time(rule: AttributeTime, attributes: Mapping[str, str], published: int) -> GivenTime:
    text = attributes.get(rule.name)
    if not text:
        if rule.fallback is not None:
            return _given_time(rule.fallback, attributes, published)
        raise MalformedEnvelopeError(rule.name, "is missing" if text is None else "is empty")
    try:
        return attribute_moment(rule)(text)
    except UnreadableTextError as error:
        raise MalformedEnvelopeError(rule.name, f"is {error.why}") from None
