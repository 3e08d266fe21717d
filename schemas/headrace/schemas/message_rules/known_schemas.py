"""The version of a subject that the name of a schema means: an id of a registry, a fingerprint, or a revision."""

from __future__ import annotations

import json
from collections.abc import Hashable, Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final, TypeVar

from headrace.schemas.errors import ContractError
from headrace.schemas.message_rules.encoding import Body, Frame
from headrace.schemas.schema_equality import UnreadableSchemaError, schema_hash

if TYPE_CHECKING:  # the registry imports this module
    from headrace.schemas.registry import Contract

K = TypeVar("K", bound=Hashable)
_ALGORITHM: Final = "CRC-64-AVRO"


@dataclass(frozen=True, slots=True)
class KnownSchemas:
    """The names that the contracts of one subject list, each with the version it means.

    *containers* has the versions of a schema in an Avro container, by the hash of its parsed form; the last is the
    newest.
    """

    schema_ids: Mapping[int | bytes, int]
    fingerprints: Mapping[bytes, int]
    revisions: Mapping[str, int]
    containers: Mapping[int | bytes | None, tuple[int, ...]]

    @classmethod
    def of(cls, contracts: Iterable[Contract]) -> KnownSchemas:
        """Collect the names of all versions of one subject; raises ContractError if a name means two versions."""
        listed = list(contracts)
        return cls(
            _unique(listed, "schema_ids", lambda each: each.options.schema_ids.schema_ids),
            _unique(listed, "fingerprints", _fingerprints),
            _unique(listed, "revisions", lambda each: each.options.schema_ids.revisions),
            _containers(listed),
        )


def avro_fingerprint(schema: Any) -> bytes | None:
    """Return the fingerprint of a schema's JSON as the header of a single-object encoding holds it: 8 bytes.

    It is the 64-bit Rabin fingerprint of the parsing canonical form, little-endian (avro.apache.org/docs/1.12.0,
    "Single-object encoding"). None for a schema with names that Avro does not allow: its canonical form is not defined.
    """
    # only contracts that know foreign schemas need it
    from fastavro.schema import (
        SchemaParseException,
        UnknownType,
        fingerprint,
        parse_schema,
        to_parsing_canonical_form,
    )

    try:
        return bytes.fromhex(fingerprint(to_parsing_canonical_form(parse_schema(schema)), _ALGORITHM))
    except (SchemaParseException, UnknownType):
        return None


def _fingerprints(contract: Contract) -> Iterator[bytes]:
    yield from contract.options.schema_ids.fingerprints
    if any(each.frame is Frame.SINGLE_OBJECT for each in contract.options.encodings):
        own = avro_fingerprint(json.loads(contract.json))
        if own is not None:
            yield own


def _containers(contracts: list[Contract]) -> dict[int | bytes | None, tuple[int, ...]]:
    found: dict[int | bytes | None, tuple[int, ...]] = {}
    if any(encoding.body is Body.CONTAINER for each in contracts for encoding in each.options.encodings):
        for contract in sorted(contracts, key=lambda each: each.ref.version):
            try:
                name = bytes.fromhex(schema_hash(json.loads(contract.json)))
            except UnreadableSchemaError:
                continue  # no container can have it
            found[name] = (*found.get(name, ()), contract.ref.version)
    return found


def _unique(contracts: list[Contract], key: str, names: Any) -> dict[Any, int]:
    found: dict[Any, int] = {}
    for contract in contracts:
        for name in names(contract):
            other = found.setdefault(name, contract.ref.version)
            if other != contract.ref.version:
                raise ContractError(
                    f"{contract.ref.short}.headrace.{key}",
                    f"a name of v{other} too",
                    "keep it in the version that it means",
                )
    return found
