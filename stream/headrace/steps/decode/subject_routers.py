"""The subject of each message of a shared subscription: by an attribute, or by the schema that its payload names."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Protocol

from headrace.core.routes import Route
from headrace.schemas.errors import ContractError, UndecodableError
from headrace.schemas.message_rules.encoding import Encoding, Frame
from headrace.schemas.message_rules.known_schemas import KnownSchemas
from headrace.schemas.registry import Registry
from headrace.steps.decode.payload_layers import read_header, unpack

_MOST_DIGITS: Final = 20


class Router(Protocol):
    """Tells the subject of a message. It can be pickled."""

    def subject_of(self, attributes: Mapping[str, str], data: bytes) -> str:
        """Return the subject; the name of the subscription if the message belongs to none."""


def router_of(route: Route, registry: Registry) -> Router:
    """Return the router of *route*.

    Raises:
        ContractError: the contracts of its subjects do not tell them apart.
    """
    return SchemaRouter(route, registry) if route.by_schema else AttributeRouter(route)


class AttributeRouter:
    """Router by the value of an attribute."""

    def __init__(self, route: Route) -> None:
        self._route = route

    def subject_of(self, attributes: Mapping[str, str], data: bytes) -> str:
        """Return the subject; the name of the subscription if the message belongs to none."""
        return self._route.subject_of(attributes)


class SchemaRouter:
    """Router by the id or the fingerprint of a schema, as the contracts of the subjects list them.

    While a contract of one of the subjects is refused, its ids are not known. A message with an unknown id then has
    that subject, so that it waits as the other messages of a blocked subject do.
    """

    def __init__(self, route: Route, registry: Registry) -> None:
        blocked = [each for each in route.all_subjects if each not in registry.subjects]
        self._otherwise = blocked[0] if blocked else route.subscription
        self._known: dict[Encoding, dict[int | bytes, str]] = {}
        for subject in route.all_subjects:
            if subject in registry.subjects:
                self._add(subject, registry)

    def subject_of(self, attributes: Mapping[str, str], data: bytes) -> str:
        """Return the subject; the name of the subscription if the message belongs to none."""
        for encoding, subjects in self._known.items():
            schema_id = _schema_id(encoding, attributes, data)
            if schema_id is not None and schema_id in subjects:
                return subjects[schema_id]
        return self._otherwise

    def _add(self, subject: str, registry: Registry) -> None:
        encodings = registry.latest(subject).options.encodings
        place = f"{subject}.headrace.encoding"
        framed = [each for each in encodings if each.frame is not Frame.NONE]
        if len(framed) < len(encodings):
            raise ContractError(
                place, "no header with a schema id, which would tell the subject", "tell subjects by an attribute"
            )
        known = KnownSchemas.of(each for each in registry if each.subject == subject)
        for encoding in framed:
            ids = known.fingerprints if encoding.frame is Frame.SINGLE_OBJECT else known.schema_ids
            subjects = self._known.setdefault(encoding, {})
            for each in ids:
                other = subjects.setdefault(each, subject)
                if other != subject:
                    raise ContractError(place, f"a schema id of {other} too", "keep it in the contract that it means")


def _schema_id(encoding: Encoding, attributes: Mapping[str, str], data: bytes) -> int | bytes | None:
    """Return the schema id of a message with this *encoding*; None if it has none."""
    if encoding.id_attribute is not None:
        text = attributes.get(encoding.id_attribute, "")
        return int(text) if text.isascii() and text.isdigit() and len(text) <= _MOST_DIGITS else None
    try:
        return read_header(unpack(data, encoding, attributes), encoding).schema_id
    except UndecodableError:
        return None
