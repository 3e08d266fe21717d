"""Schemas that topics check messages against: Avro, with revisions. Definitions of Protocol Buffers are refused."""

from __future__ import annotations

import io
import json
from collections.abc import Callable, Iterator, Sequence
from typing import Any, Final

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from headrace.dev.broker.broker_errors import already_exists, failed_precondition, invalid, not_found, unimplemented
from headrace.dev.broker.resource_names import DELETED_SCHEMA, Kind, check_name
from headrace.dev.broker.store import Store
from headrace.dev.broker.wire import Schema, timestamp

_PROTOCOL_BUFFER, _AVRO = 1, 2
_JSON, _BINARY = 1, 2
_ENCODINGS: Final = {_JSON: "JSON", _BINARY: "BINARY"}
_MOST_BYTES: Final = 300_000
_MOST_REVISIONS: Final = 20
_UNREADABLE: Final = (
    ValueError,
    TypeError,
    KeyError,
    IndexError,
    EOFError,
    AttributeError,
    OverflowError,
    StopIteration,
)


class MessageSchemas:
    """All schemas of the store. *clock* returns microseconds, *new_id* the id of a revision."""

    def __init__(self, store: Store, clock: Callable[[], int], new_id: Callable[[], str]) -> None:
        self._store = store
        self._clock = clock
        self._new_id = new_id
        self._revisions: dict[str, list[Any]] = {}  # oldest first
        self._order: dict[str, list[str]] = {}  # ids of revisions, those of deleted ones too
        self._parsed: dict[str, Any] = {}
        for name, revision, body in store.rows("SELECT name, revision, body FROM schemas ORDER BY position"):
            self._order.setdefault(name, []).append(revision)
            if body:
                self._revisions.setdefault(name, []).append(Schema.FromString(body))

    def __iter__(self) -> Iterator[Any]:
        return iter([revisions[-1] for revisions in self._revisions.values()])

    def revisions(self, name: str) -> list[Any]:
        """Return all revisions of a schema, the newest last; raises BrokerError if it does not exist."""
        if name not in self._revisions:
            raise not_found(name)
        return list(self._revisions[name])

    def get(self, name: str) -> Any:
        """Return a schema by its name, or the revision of ``NAME@REVISION``. Raises BrokerError."""
        base, _, revision = name.partition("@")
        revisions = self.revisions(base)
        found = [each for each in revisions if not revision or each.revision_id == revision]
        if not found:
            raise not_found(name)
        return found[-1]

    def create(self, name: str, schema: Any) -> Any:
        """Create a schema, and return its first revision. Raises BrokerError."""
        check_name(Kind.SCHEMA, name)
        if name in self._revisions:
            raise already_exists(name)
        return self._add(name, schema)

    def commit(self, name: str, schema: Any) -> Any:
        """Add a revision to a schema, and return it. Raises BrokerError."""
        self.revisions(name)
        return self._add(name, schema)

    def rollback(self, name: str, revision: str) -> Any:
        """Add a copy of an old revision as the newest one, and return it. Raises BrokerError."""
        return self._add(name, self.get(f"{name}@{revision}"))

    def delete(self, name: str) -> None:
        """Delete a schema with all revisions. Raises BrokerError."""
        self.revisions(name)
        del self._revisions[name], self._order[name]
        self._store.change("DELETE FROM schemas WHERE name = ?", (name,))

    def delete_revision(self, name: str) -> Any:
        """Delete the revision of ``NAME@REVISION``, and return it. Raises BrokerError."""
        revision = self.get(name)
        if "@" not in name:
            raise invalid(f"The name has no revision (resource={name}).")
        if len(self._revisions[revision.name]) == 1:
            raise failed_precondition(f"The only revision of a schema cannot be deleted (resource={name}).")
        self._revisions[revision.name].remove(revision)
        self._store.change(
            "UPDATE schemas SET body = x'' WHERE (name, revision) = (?, ?)", (revision.name, revision.revision_id)
        )
        return revision

    def validate(self, schema: Any) -> None:
        """Check a definition. Raises BrokerError."""
        if schema.type_ == _PROTOCOL_BUFFER:
            raise unimplemented("schemas of Protocol Buffers; use Avro")
        if schema.type_ != _AVRO:
            raise invalid("The schema has no type.")
        if len(schema.definition.encode()) > _MOST_BYTES:
            raise invalid(f"The definition has more than {_MOST_BYTES} bytes.")
        self._parse(schema.definition)

    def validate_message(self, schema: Any, message: bytes, encoding: int) -> None:
        """Check a message against a schema. Raises BrokerError."""
        self.validate(schema)
        if encoding not in _ENCODINGS:
            raise invalid("The encoding is missing.")
        if not _is_readable(self._parse(schema.definition), message, encoding):
            raise invalid("Invalid data in message: Message failed schema validation.")

    def check_settings(self, topic: Any) -> None:
        """Check the schema settings of a topic. Raises BrokerError."""
        settings = topic.schema_settings
        if not topic.HasField("schema_settings") or settings.schema == DELETED_SCHEMA:
            return
        self.get(settings.schema)
        for revision in filter(None, (settings.first_revision_id, settings.last_revision_id)):
            self.get(f"{settings.schema}@{revision}")
        if settings.encoding not in _ENCODINGS:
            raise invalid("The encoding of the schema settings is missing.")

    def check_messages(self, topic: Any, messages: Sequence[Any]) -> None:
        """Check messages against the schema of their topic, and name its revision in them. Raises BrokerError."""
        if not topic.HasField("schema_settings"):
            return
        settings = topic.schema_settings
        if settings.schema == DELETED_SCHEMA:
            raise failed_precondition(f"The schema of the topic was deleted (resource={topic.name}).")
        allowed = self._allowed(settings)
        for message in messages:
            revision = next((each for each in allowed if self._fits(each, message.data, settings.encoding)), None)
            if revision is None:
                raise invalid("Invalid data in message: Message failed schema validation.")
            message.attributes["googclient_schemaencoding"] = _ENCODINGS[settings.encoding]
            message.attributes["googclient_schemaname"] = settings.schema
            message.attributes["googclient_schemarevisionid"] = revision.revision_id

    def _allowed(self, settings: Any) -> list[Any]:
        """Return the revisions between the first and the last one of the settings, the newest first.

        If one of these was deleted, the next one within them takes its place.
        """
        order = self._order[settings.schema]
        first = order.index(settings.first_revision_id) if settings.first_revision_id else 0
        last = order.index(settings.last_revision_id) if settings.last_revision_id else len(order) - 1
        allowed = set(order[first : last + 1])
        return [each for each in reversed(self._revisions[settings.schema]) if each.revision_id in allowed]

    def _fits(self, revision: Any, data: bytes, encoding: int) -> bool:
        return _is_readable(self._parse(revision.definition), data, encoding)

    def _parse(self, definition: str) -> Any:
        if definition not in self._parsed:
            try:
                self._parsed[definition] = fastavro.parse_schema(json.loads(definition))
            except (SchemaParseException, UnknownType, RecursionError, *_UNREADABLE) as error:
                raise invalid(f"The definition is no valid Avro schema ({type(error).__name__}).") from None
        return self._parsed[definition]

    def _add(self, name: str, schema: Any) -> Any:
        self.validate(schema)
        if len(self._revisions.get(name, ())) >= _MOST_REVISIONS:
            raise failed_precondition(
                f"The schema has {_MOST_REVISIONS} revisions; delete one first (resource={name})."
            )
        revision = Schema(name=name, type_=schema.type_, definition=schema.definition, revision_id=self._new_id())
        revision.revision_create_time.CopyFrom(timestamp(self._clock()))
        self._revisions.setdefault(name, []).append(revision)
        self._order.setdefault(name, []).append(revision.revision_id)
        self._store.change(
            "INSERT INTO schemas (name, revision, body) VALUES (?, ?, ?)",
            (name, revision.revision_id, revision.SerializeToString()),
        )
        return revision


def _is_readable(schema: Any, data: bytes, encoding: int) -> bool:
    try:
        if encoding == _BINARY:
            content = io.BytesIO(data)
            fastavro.schemaless_reader(content, schema, None)
            return content.tell() == len(data)
        (datum,) = fastavro.json_reader(io.StringIO(data.decode()), schema)  # which checks no types
        return fastavro.validate(datum, schema, raise_errors=False)
    except (RecursionError, *_UNREADABLE):
        return False
