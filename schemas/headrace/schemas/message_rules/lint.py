"""Rules for what a contract says of messages: each one can be read in exactly one way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from headrace.schemas.errors import ContractError
from headrace.schemas.json_encoding.refused_types import refuse_types
from headrace.schemas.message_rules.encoding import Body, Encodings, Frame
from headrace.schemas.message_rules.encoding_words import COMPRESSIBLE, setting
from headrace.schemas.message_rules.envelope import (
    EnvelopeKind,
    EnvelopeRules,
    FixedVersion,
    RevisionVersion,
    SchemaIdVersion,
)
from headrace.schemas.message_rules.known_schemas import KnownSchemas

if TYPE_CHECKING:  # the registry imports this module
    from headrace.schemas.registry import Contract


def lint_message_rules(encodings: Encodings, envelope: EnvelopeRules, where: str) -> Iterator[ContractError]:
    """Yield an error for each contradiction in what one contract says; *where* is its ``headrace`` annotation."""
    if envelope.kind is EnvelopeKind.HEADRACE and not all(each.fits_own_envelope for each in encodings):
        yield ContractError(
            f"{where}.encoding",
            "another encoding than a datum in Headrace's own envelope, which an attribute may say is compressed",
            f'write {setting(COMPRESSIBLE)}, "envelope": {{"kind": "cloudevents"}}, or '
            '{"kind": "attributes", "id": ...}',
        )
    if envelope.changes is not None and any(each.body is not Body.JSON for each in encodings):
        yield ContractError(
            f"{where}.encoding",
            "another encoding than JSON around change events",
            'write "encoding": "json", and "json": {"convention": "debezium"}',
        )
    if isinstance(envelope.version, SchemaIdVersion) and not all(each.names_schema for each in encodings):
        yield ContractError(
            f"{where}.envelope.version",
            "schema_id, and payloads have no header with one",
            "write a whole number, or the encoding that has a header",
        )


def lint_versions(contracts: Sequence[Contract]) -> None:
    """Check what the versions of one subject say together, the newest one last; raises ContractError."""
    newest = contracts[-1]
    envelope, encodings = newest.options.envelope, newest.options.encodings
    place = f"{newest.ref.short}.headrace.envelope.version"
    known = KnownSchemas.of(contracts)
    if envelope.kind is EnvelopeKind.HEADRACE:
        return
    for rules in (each.json for each in encodings if each.json is not None):
        for each in contracts:
            refuse_types(each.record, each.ref.short, unions=rules.tagged)
    unnamed = not all(each.names_schema for each in encodings)
    if envelope.version is None and unnamed and len(contracts) > 1:
        raise ContractError(
            place,
            "missing, and the subject has several versions",
            'write a whole number, {"attribute": "version"} or "revision"',
        )
    if isinstance(envelope.version, FixedVersion):
        versions = [each.ref.version for each in contracts]
        if envelope.version.version not in versions:
            raise ContractError(place, "a version that is not here", f"write one of {', '.join(map(str, versions))}")
    if isinstance(envelope.version, RevisionVersion) and not known.revisions:
        raise ContractError(place, "revision, and no version names one", 'write "revisions": ["f47c8c56"] in each')


def lint_ids(contracts: Sequence[Contract], has_registry: bool) -> None:
    """Check that the ids in headers can be known, for versions of one subject; raises ContractError.

    *has_registry* is whether a registry with Confluent's API can be asked.
    """
    newest = contracts[-1]
    asked = {Frame.CONFLUENT, Frame.APICURIO} if has_registry else set()
    framed = {each.frame for each in newest.options.encodings} - {Frame.NONE, Frame.SINGLE_OBJECT} - asked
    if framed and not any(each.options.schema_ids.schema_ids for each in contracts):
        registry = "" if Frame.GLUE in framed else ", or name a registry in the settings ([schema_registry] url)"
        raise ContractError(
            f"{newest.ref.short}.headrace.schema_ids",
            "payloads have a header with a schema id, and no version lists one",
            f"list the ids of each version, such as [7]{registry}",
        )
