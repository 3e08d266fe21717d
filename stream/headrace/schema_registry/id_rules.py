"""Rules for schema ids: which subjects have them, which versions they may name, and why others have none."""

from __future__ import annotations

from typing import Final, assert_never

from headrace.schema_registry.registry_errors import UnusableSchemaError
from headrace.schemas.id_space import IdSpace
from headrace.schemas.message_rules.encoding import Encoding, Frame
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.schema_equality import read_schema, schema_hash

ASKED_AT_ONCE: Final = 50  # requests for unknown ids of one subject
ASKED_A_SECOND: Final = 2.0
NOT_FOUND: Final = "its schema id is not in the registry"
UNASKED: Final = "its schema id is unknown, and too many unknown ids came at once to ask the registry for each"


def foreign(subject: str) -> str:
    """Return why an id has no version if its schema equals no version of *subject*."""
    return f"its schema id names another schema than those of {subject}"


def unusable(error: UnusableSchemaError) -> str:
    """Return why an id has no version if its schema cannot be used."""
    return f"its schema id names {error}"


def versions_by_hash(contracts: Registry, subject: str) -> dict[str, int]:
    """Return the versions of a subject by the hash of their parsed schema; of equal schemas, the newest version."""
    own = sorted((each for each in contracts if each.subject == subject), key=lambda each: each.ref.version)
    return {schema_hash(read_schema(each.json)): each.ref.version for each in own}


def id_space_of(contract: Contract) -> IdSpace | None:
    """Return the space of the ids that a subject's payloads carry; None if they carry none that a registry gives."""
    spaces = (_id_space(encoding) for encoding in contract.options.encodings)
    return next((space for space in spaces if space is not None), None)


def _id_space(encoding: Encoding) -> IdSpace | None:
    match encoding.frame:
        case Frame.CONFLUENT | Frame.APICURIO:
            return encoding.id_space
        case Frame.NONE | Frame.SINGLE_OBJECT | Frame.GLUE:
            return None
        case _:
            assert_never(encoding.frame)


def id_spaces(contracts: Registry) -> dict[str, IdSpace]:
    """Return the space of each subject whose payloads carry ids."""
    found = ((subject, id_space_of(contracts.latest(subject))) for subject in contracts.subjects)
    return {subject: space for subject, space in found if space is not None}
