"""Versions of contracts that a service holds as schemas: edited ones, ones that are gone, and unknown ones."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Sequence

from headrace.contract_check.check_versions import Broken, edited_version
from headrace.contract_check.published import Published
from headrace.contract_comparison.schema_versions import HeldSchema, unknown_versions
from headrace.contract_publish.definitions import definitions_of
from headrace.schemas.compatibility.rules import Break, Rule
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError
from headrace.schemas.folder import ref_of
from headrace.schemas.registry import Contract, FolderContents, parse_contract
from headrace.schemas.schema_equality import UnreadableSchemaError, read_schema


def published_by(found: FolderContents, held_of: Callable[[str], Sequence[HeldSchema]]) -> Published:
    """Return what a service has published of the subjects of a folder; *held_of* asks it for those of one subject.

    A schema that no version in the folder is was edited there, or its file is gone, or somebody else has made it.
    """
    contracts: dict[SchemaRef, Contract] = {}
    names: dict[SchemaRef, str] = {}
    broken: list[Broken] = []
    for subject, versions, definitions in definitions_of(found):
        by_number = {each.ref.version: each for each in versions}
        numbers = set(_numbers(found, subject))
        for held, number in unknown_versions(held_of(subject), definitions):
            if number in by_number:
                broken.append(Broken(by_number[number], edited_version(f"published as {held.name}")))
                continue
            gone = None if number is None or number in numbers else _contract(held, subject, number, versions[-1])
            if gone is None or gone.ref in contracts:
                broken.append(Broken(versions[-1], _unknown(held)))
            else:
                contracts[gone.ref], names[gone.ref] = gone, held.name
    return Published(contracts, names, tuple(broken))


def _numbers(found: FolderContents, subject: str) -> Iterator[int]:
    """Yield the numbers of a subject's versions in the folder, also of those that cannot be read."""
    refs = map(ref_of, found.sources)
    yield from (ref.version for ref in refs if ref is not None and ref.subject == subject)


def _unknown(held: HeldSchema) -> Break:
    why = f"{held.name} is no version in the folder: one was edited, or its file is gone, or somebody else made it"
    remedy = "restore the version, and write the next one"
    return Break(Rule.PUBLISHED_VERSION_EDITED, "", why, remedy)


def _contract(held: HeldSchema, subject: str, version: int, newest: Contract) -> Contract | None:
    """Return a held schema as the contract that it was; without annotations, those of the *newest* version count.

    None if it is no contract.
    """
    try:
        avro = read_schema(held.definition)
        if not isinstance(avro, dict):
            return None
        annotated = avro if "headrace" in avro else {**avro, "headrace": json.loads(newest.json)["headrace"]}
        return parse_contract(SchemaRef(subject, version), json.dumps(annotated, ensure_ascii=False))
    except (UnreadableSchemaError, ContractError, RecursionError):
        return None
