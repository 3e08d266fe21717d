"""Reader of messages of other clients, by the envelope and the encoding that the newest contract declares."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Final, TypeAlias, assert_never

from headrace.core.dead_letter import Reason, Refusal
from headrace.core.message import Message
from headrace.schemas.envelope import MAX_ID_BYTES, SchemaRef
from headrace.schemas.errors import MalformedEnvelopeError, UndecodableError, UnknownSchemaError, UnreadableTextError
from headrace.schemas.message_rules.encoding import Encoding
from headrace.schemas.message_rules.envelope import AttributesId, EnvelopeKind, EnvelopeRules, MessageId
from headrace.schemas.message_rules.event_moment import attribute_moment
from headrace.schemas.message_rules.event_time import AttributeTime, EventTimeRule, FieldTime, PublishTime
from headrace.schemas.message_rules.known_schemas import KnownSchemas
from headrace.schemas.registry import Registry
from headrace.steps.decode import cloudevents
from headrace.steps.decode.native_messages import NativeMessages, is_native
from headrace.steps.decode.opened_messages import GivenTime, Opened, OpenedMessage, RefusedError, Writer, behind
from headrace.steps.decode.payload_layers import read_header, unpack
from headrace.steps.decode.schema_versions import AskRegistry, SchemaId, SchemaVersions

Context: TypeAlias = tuple[Mapping[str, str], bytes]
UNKNOWN_SOURCE: Final = "unknown"


class MappedMessages:
    """Reader of the messages of one subject. A message in Headrace's own envelope is read as such."""

    def __init__(self, registry: Registry, subject: str, ask: AskRegistry | None = None) -> None:
        newest = registry.latest(subject)
        self._registry, self._subject = registry, subject
        self._native = NativeMessages(registry, subject)
        self._rules, self._encoding = newest.options.envelope, newest.options.encoding
        self._event_time = newest.options.event_time
        known = KnownSchemas.of(each for each in registry if each.subject == subject)
        self._versions = SchemaVersions(self._encoding, self._rules.version, known, newest.ref.version, ask)
        self._context = _context_reader(self._rules, self._encoding)
        self._writers: dict[tuple[int, int], Writer] = {}

    def check(self, message: Message) -> OpenedMessage:
        """Read one message up to its datum; raises RefusedError with the reason if it is invalid."""
        if is_native(message):
            return self._native.check(message)
        try:
            return self._opened(message)
        except MalformedEnvelopeError as error:
            raise RefusedError(Reason.MALFORMED_ENVELOPE, str(error)) from error
        except UnknownSchemaError as error:
            raise RefusedError(Reason.UNKNOWN_SCHEMA, str(error)) from error
        except UndecodableError as error:
            raise RefusedError(Reason.UNDECODABLE_PAYLOAD, str(error)) from error

    def open(self, messages: Sequence[Message], refusals: list[Refusal]) -> Opened:
        """Read all messages up to their datums, and add invalid ones to *refusals*."""
        opened = Opened.none()
        for index, message in enumerate(messages):
            try:
                opened.add(index, message, self.check(message))
            except RefusedError as error:
                refusals.append(Refusal(index, error.reason, error.detail))
        return opened

    def context(self, message: Message) -> Context:
        """Return the attributes and the payload that the envelope gives.

        Raises:
            MalformedEnvelopeError: an attribute of the envelope is missing or invalid.
            UndecodableError: the envelope is in the payload, and cannot be read.
        """
        return self._context(message)

    def version(self, schema_id: SchemaId | None, attributes: Mapping[str, str]) -> int:
        """Return the version of a message; raises RefusedError or MalformedEnvelopeError if it does not tell one."""
        return self._versions.of(schema_id, attributes)

    def time(self, message: Message, attributes: Mapping[str, str]) -> GivenTime:
        """Return the time that a message itself says, without its fields; raises MalformedEnvelopeError."""
        return _given_time(self._event_time, attributes, message.first_published_at)

    def _opened(self, message: Message) -> OpenedMessage:
        attributes, data = self.context(message)
        if not data:
            raise UndecodableError("an empty payload")
        framed = read_header(unpack(data, self._encoding, attributes), self._encoding)
        version = self.version(framed.schema_id, attributes)
        return OpenedMessage(
            writer=self._writer(version, framed.start),
            event_id=self.event_id(message, attributes),
            time=self.time(message, attributes),
            source=self.source(attributes),
            payload=framed.data,
        )

    def _writer(self, version: int, header: int) -> Writer:
        writer = self._writers.get((version, header))
        if writer is None:
            contract = self._registry[SchemaRef(self._subject, version)]
            record = behind(contract.record, header, self._encoding)
            writer = self._writers[version, header] = Writer(contract, record)
        return writer

    def event_id(self, message: Message, attributes: Mapping[str, str]) -> str:
        """Return the id of an event by the contract's rule; raises MalformedEnvelopeError."""
        match self._rules.id:
            case None:
                return _checked_id("ce-id", attributes.get("ce-id"))
            case MessageId():
                return _checked_id("Pub/Sub's message id", message.first_message_id)
            case AttributesId(names):
                if len(names) == 1:
                    return _checked_id(names[0], attributes.get(names[0]))
                parts = [_checked_id(name, attributes.get(name)) for name in names]
                return _checked_id(names[0], ":".join(map(_escaped, parts)))
            case _:
                assert_never(self._rules.id)

    def source(self, attributes: Mapping[str, str]) -> str:
        """Return the source of an event by the contract's rule."""
        if self._rules.source_attribute is not None:
            return attributes.get(self._rules.source_attribute) or UNKNOWN_SOURCE
        return self._rules.source or attributes.get("ce-source") or UNKNOWN_SOURCE


def _escaped(part: str) -> str:
    """Return a part of an id in which no colon is left, so that different parts never give one id."""
    return part.replace("%", "%25").replace(":", "%3A")


def _checked_id(name: str, value: str | None) -> str:
    if not value:
        raise MalformedEnvelopeError(name, "is missing" if value is None else "is empty")
    try:
        if len(value.encode()) <= MAX_ID_BYTES:
            return value
    except UnicodeEncodeError:
        raise MalformedEnvelopeError(name, "holds half a character") from None
    raise MalformedEnvelopeError(name, f"is longer than {MAX_ID_BYTES} bytes")


def _context_reader(rules: EnvelopeRules, encoding: Encoding) -> Callable[[Message], Context]:
    match rules.kind:
        case EnvelopeKind.HEADRACE | EnvelopeKind.ATTRIBUTES:
            return lambda message: (message.attributes, message.data)
        case EnvelopeKind.CLOUDEVENTS | EnvelopeKind.CLOUDEVENTS_STRUCTURED:
            return lambda message: _cloudevent(message, rules)
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
