"""Conversion of an envelope to Pub/Sub attributes and back: CloudEvents in binary mode.

The binding is googleapis/google-cloudevents ``docs/spec/pubsub.md``: attributes have the prefix ``ce-``, and the
payload is unchanged.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from functools import lru_cache

from headrace.schemas.errors import MalformedEnvelopeError, UnreadableTextError
from headrace.schemas.times import read_instant

SPEC_VERSION = "1.0"  # of CloudEvents; another version may give the same names another meaning
CONTENT_TYPE = "application/avro"
CONTENT_ENCODING = "content-encoding"  # the attribute of a compressed payload, where the contract allows these
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
MICROSECOND = timedelta(microseconds=1)

# A subject names its topic, and Pub/Sub reserves names that begin with goog.
_REFERENCE = re.compile(r"headrace:((?!goog)[a-z][a-z0-9_]{2,99}):([1-9][0-9]{0,5})")
# The draft uses content-type, its example ce-datacontenttype, and the Go SDK Content-Type: write the first, read all.
_CONTENT_TYPE_NAMES = ("content-type", "ce-datacontenttype")
_MOMENTS = 1024  # times whose text is kept: an event's time is in its id and in its envelope
_SENDERS = 256  # pairs of a contract and a source whose attributes are kept
MAX_ID_BYTES = 1024  # the service's limit on an attribute's value


@dataclass(frozen=True, slots=True, order=True)
class SchemaRef:
    """A subject and a version, which identify one contract.

    >>> SchemaRef.parse("headrace:order_placed:2")
    SchemaRef(subject='order_placed', version=2)
    >>> str(SchemaRef("order_placed", 2))
    'headrace:order_placed:2'
    """

    subject: str
    version: int

    @classmethod
    def parse(cls, text: str) -> SchemaRef:
        """Read ``headrace:<subject>:<version>``; raises ValueError if *text* has another form."""
        match = _REFERENCE.fullmatch(text)
        if not match:
            raise ValueError("not of the form headrace:<subject>:<version>")
        return cls(match[1], int(match[2]))

    def __str__(self) -> str:
        return f"headrace:{self.subject}:{self.version}"

    @property
    def short(self) -> str:
        """The name without ``headrace:``, as its file has it: ``order_placed.v2``."""
        return f"{self.subject}.v{self.version}"


@dataclass(frozen=True, slots=True)
class Envelope:
    """The attributes of one message, typed. *event_time* is aware and in UTC, with microseconds."""

    event_id: str
    schema: SchemaRef
    event_time: datetime
    source: str

    def to_attributes(self) -> dict[str, str]:
        """Write the envelope as Pub/Sub attributes."""
        attributes = _shared_attributes(self.schema, self.source).copy()
        attributes["ce-id"] = self.event_id
        attributes["ce-time"] = to_rfc3339(self.event_time)
        return attributes

    @classmethod
    def from_attributes(cls, attributes: Mapping[str, str]) -> Envelope:
        """Read an envelope from Pub/Sub attributes.

        Raises:
            MalformedEnvelopeError: an attribute is missing or invalid; names the attribute, not its value.
        """
        event_id = _required(attributes, "ce-id")
        try:
            if len(event_id.encode()) > MAX_ID_BYTES:
                raise MalformedEnvelopeError("ce-id", f"is longer than {MAX_ID_BYTES} bytes")
            schema = SchemaRef.parse(_required(attributes, "ce-dataschema"))
        except MalformedEnvelopeError:
            raise
        except UnicodeEncodeError:
            raise MalformedEnvelopeError("ce-id", "holds half a character") from None
        except ValueError as error:
            raise MalformedEnvelopeError("ce-dataschema", f"is {error}") from error
        if attributes.get("ce-type", schema.subject) != schema.subject:
            raise MalformedEnvelopeError("ce-type", "names another subject than ce-dataschema")
        if attributes.get("ce-specversion", SPEC_VERSION) != SPEC_VERSION:
            raise MalformedEnvelopeError("ce-specversion", f"is not {SPEC_VERSION}")
        _check_content_type(attributes)
        return cls(event_id, schema, _event_time(attributes), _required(attributes, "ce-source"))


@lru_cache(_SENDERS)
def _shared_attributes(schema: SchemaRef, source: str) -> dict[str, str]:
    """Return the attributes that all events of a contract and a source share, with empty ones for the others."""
    return {
        "ce-specversion": SPEC_VERSION,
        "ce-id": "",
        "ce-type": schema.subject,
        "ce-time": "",
        "ce-source": source,
        "ce-dataschema": str(schema),
        "content-type": CONTENT_TYPE,
    }


def to_rfc3339(moment: datetime) -> str:
    """Write an aware time in UTC with ``Z``, without losing digits and without needless ones.

    >>> to_rfc3339(datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC))
    '2026-01-02T03:04:05Z'
    """
    return _text_in_utc(moment if moment.tzinfo is UTC else moment.astimezone(UTC))


@lru_cache(_MOMENTS)
def _text_in_utc(moment: datetime) -> str:
    """Write a time in UTC: of two equal times in another zone one may be an hour later."""
    return moment.isoformat()[:-6] + "Z"


def to_micros(moment: datetime) -> int:
    """Count the microseconds from 1970 to an aware time.

    >>> to_micros(datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC))
    1000000
    """
    return (moment - EPOCH) // MICROSECOND


def from_micros(micros: int) -> datetime:
    """Turn microseconds since 1970 into an aware time in UTC."""
    return EPOCH + timedelta(microseconds=micros)


def _required(attributes: Mapping[str, str], name: str) -> str:
    value = attributes.get(name)
    if not value:
        raise MalformedEnvelopeError(name, "is empty" if value == "" else "is missing")
    return value


def _event_time(attributes: Mapping[str, str]) -> datetime:
    try:
        return read_instant(_required(attributes, "ce-time"))
    except UnreadableTextError as error:
        raise MalformedEnvelopeError("ce-time", f"is {error.why}") from error


def _check_content_type(attributes: Mapping[str, str]) -> None:
    if attributes.get("content-type") == CONTENT_TYPE:
        return
    for name, value in attributes.items():
        if name.lower() in _CONTENT_TYPE_NAMES and value.lower().partition(";")[0].strip() != CONTENT_TYPE:
            raise MalformedEnvelopeError(name, f"is not {CONTENT_TYPE}")
