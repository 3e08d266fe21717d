"""How far a refused message can be read: in Headrace's own envelope, or as the newest contract of its subject says.

A message is refused for its first fault. People also need what can be read in spite of it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Final, TypeVar

from headrace.core.message import Message
from headrace.dead_letters.explanation import EnvelopeFault
from headrace.schemas.data_reference import DATAREF
from headrace.schemas.envelope import Envelope, SchemaRef
from headrace.schemas.errors import MalformedEnvelopeError, UndecodableError, UnknownSchemaError
from headrace.schemas.message_rules.change_events import CHANGE_ATTRIBUTES
from headrace.schemas.message_rules.encoding import Body, Encoding
from headrace.schemas.message_rules.envelope import EnvelopeKind
from headrace.schemas.registry import Contract, Registry
from headrace.steps.decode.cloudevents import STRUCTURED, content_type
from headrace.steps.decode.empty_payload import empty_payload
from headrace.steps.decode.mapped_messages import MappedMessages
from headrace.steps.decode.native_messages import is_native
from headrace.steps.decode.native_payload import native_datum
from headrace.steps.decode.opened_messages import GivenTime, RefusedError
from headrace.steps.decode.payload_layers import Framed, read_header, unpack
from headrace.steps.decode.schema_versions import AskFor, ask_nobody

T = TypeVar("T")
_PLAIN: Final = Encoding()


@dataclass(frozen=True, slots=True)
class LetterForm:
    """A refused message, as far as it can be read.

    *newest* is the contract that says how the message is read; None for a message in Headrace's own envelope.
    *envelope* is the first attribute that breaks a rule. *enclosed* is what the envelope is around, and *payload* what
    is left of that without base64 and compression. The datum begins at byte *start* of it, behind a header that names
    *schema_id*. *unread* is why there is no datum to look at. *claimed* is the version that the message says; without
    one, *unclaimed* may say why. *event_id*, *time* and *source* are what the rules give. The payload is read in the
    *encoding*. *change* is what a change event gives as attributes, for the columns of its operation.
    """

    newest: Contract | None
    enclosed: bytes = field(repr=False)
    payload: bytes = field(repr=False)
    claimed: SchemaRef | None = None
    unclaimed: str = ""
    envelope: EnvelopeFault | None = None
    unread: UndecodableError | None = None
    start: int = 0
    schema_id: int | bytes | None = field(default=None, repr=False)
    event_id: str | None = field(default=None, repr=False)
    time: GivenTime = None
    source: str | None = field(default=None, repr=False)
    encoding: Encoding = _PLAIN
    change: Mapping[str, str] = field(default_factory=dict, repr=False)

    @property
    def is_datum(self) -> bool:
        """Whether the payload is read as a datum, behind a header, out of a container or as it is."""
        return self.unread is None and self.encoding.body in (Body.DATUM, Body.CONTAINER)


def form_of(registry: Registry, message: Message, ask_for: AskFor = ask_nobody) -> LetterForm:
    """Read *message* as far as possible; *ask_for* returns the registry's ids of a subject. Raises nothing."""
    newest = _declaring(registry, message)
    if newest is None:
        return _native(registry, message)
    return _Reader(MappedMessages(registry, message.subject, ask_for(message.subject)), newest, message).read()


def _declaring(registry: Registry, message: Message) -> Contract | None:
    """Return the contract that declares how *message* is read; None for Headrace's own envelope."""
    try:
        newest = registry.latest(message.subject)
    except UnknownSchemaError:
        return None
    native = newest.options.envelope.kind is EnvelopeKind.HEADRACE or is_native(message)
    return None if native else newest


def _native(registry: Registry, message: Message) -> LetterForm:
    attributes = message.attributes
    datum, unread = message.data, None
    try:
        if not message.data and DATAREF in attributes:
            raise UndecodableError("its payload lies in a bucket, in the object that ce-dataref names")
        datum = native_datum(message.data, attributes, _may_be_compressed(registry, message.subject))
    except UndecodableError as error:
        unread = error
    fault = None
    try:
        Envelope.from_attributes(attributes)
    except MalformedEnvelopeError as error:
        fault = EnvelopeFault(error.attribute, error.why)
    try:
        claimed = SchemaRef.parse(attributes.get("ce-dataschema", ""))
    except ValueError:
        claimed = None
    return LetterForm(
        None,
        message.data,
        datum,
        claimed,
        envelope=fault,
        unread=unread,
        event_id=attributes.get("ce-id"),
        time=attributes.get("ce-time"),
        source=attributes.get("ce-source"),
    )


def _may_be_compressed(registry: Registry, subject: str) -> bool:
    return subject in registry.subjects and registry.latest(subject).options.encodings.may_be_compressed


_IN_PAYLOAD: Final = "the envelope is in the payload, and it is invalid"


class _Reader:
    """Reads one message by the rules of a contract, and goes on after a fault."""

    def __init__(self, rules: MappedMessages, newest: Contract, message: Message) -> None:
        self._rules, self._newest, self._message = rules, newest, message
        self._fault: EnvelopeFault | None = None
        self._unread: UndecodableError | None = None
        self._attributes, self._payload = message.attributes, message.data
        self._encoding = newest.options.encodings[0]

    def read(self) -> LetterForm:
        self._open()
        framed = Framed(None, self._payload, 0) if self._unread else self._framed()
        version, unclaimed = self._version(framed)
        given = self._attributes
        return LetterForm(
            newest=self._newest,
            enclosed=self._payload,
            payload=framed.data,
            claimed=None if version is None else SchemaRef(self._newest.subject, version),
            unclaimed=unclaimed,
            start=framed.start,
            schema_id=framed.schema_id,
            event_id=self._without_fault(lambda: self._rules.event_id(self._message, given)),
            time=self._without_fault(lambda: self._rules.time(self._message, given)),
            source=self._rules.source(given),
            envelope=self._fault,
            unread=self._unread,
            encoding=self._encoding,
            change={name: given[name] for name in CHANGE_ATTRIBUTES if name in given},
        )

    def _open(self) -> None:
        try:
            self._attributes, self._payload = self._rules.context(self._message)
        except MalformedEnvelopeError as error:
            self._note(error)
            if self._is_in_payload():
                self._unread = UndecodableError(_IN_PAYLOAD)
        except UndecodableError as error:
            self._unread = error

    def _is_in_payload(self) -> bool:
        kind = self._newest.options.envelope.kind
        within = kind in (EnvelopeKind.CLOUDEVENTS_STRUCTURED, EnvelopeKind.DEBEZIUM)
        return within or content_type(self._message.attributes) == STRUCTURED

    def _framed(self) -> Framed:
        payload = self._payload
        try:
            encoding = self._encoding = self._rules.encoding(self._attributes)
            if not payload:
                raise empty_payload(self._message.data)
            payload = unpack(payload, encoding, self._attributes)
            return read_header(payload, encoding)
        except UndecodableError as error:
            self._unread = error
        except MalformedEnvelopeError as error:
            self._note(error)
            self._unread = UndecodableError("its content type names no encoding")
        return Framed(None, payload, 0)

    def _version(self, framed: Framed) -> tuple[int | None, str]:
        if self._unread is not None and self._encoding.names_schema and self._encoding.id_attribute is None:
            return None, ""  # the header or the container would have told it
        try:
            return self._rules.version(self._encoding, framed.schema_id, self._attributes), ""
        except MalformedEnvelopeError as error:
            self._note(error)
            return None, str(error)
        except RefusedError as error:
            return None, error.detail

    def _without_fault(self, read: Callable[[], T]) -> T | None:
        try:
            return read()
        except MalformedEnvelopeError as error:
            self._note(error)
            return None

    def _note(self, error: MalformedEnvelopeError) -> None:
        self._fault = self._fault or EnvelopeFault(error.attribute, error.why)
