"""The versions of a subject as schemas of Pub/Sub: one self-contained Avro schema each."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import groupby
from typing import Any

from headrace.schemas.avro_text import read_avro, without_comments
from headrace.schemas.compatibility.published_content import published_content
from headrace.schemas.fault_lines import SourceFile
from headrace.schemas.registry import Contract, FolderContents
from headrace.schemas.schema_equality import UnreadableSchemaError, schema_hash


@dataclass(frozen=True, slots=True)
class Definition:
    """The schema of one *version*: its *text*, the hash of its *content*, and the hash of its parsed form, *schema*.

    *schema* is empty if the parsed form is not defined. *revisions* are those that the contract lists for this version.
    """

    version: int
    text: str = field(repr=False)
    content: str
    schema: str
    revisions: tuple[str, ...] = ()


def parsed_hash(avro: Any) -> str:
    """Return the hash of a schema's parsed form; empty if it has none."""
    try:
        return schema_hash(avro)
    except UnreadableSchemaError:
        return ""


def definitions_of(contracts: FolderContents) -> Iterator[tuple[str, list[Contract], list[Definition]]]:
    """Yield each subject with its versions and their definitions, the oldest first."""
    ordered = [contract for _, contract in sorted(contracts.contracts.items())]
    for subject, versions in groupby(ordered, key=lambda contract: contract.subject):
        listed = list(versions)
        yield subject, listed, [_definition(each, contracts.sources) for each in listed]


def _definition(contract: Contract, sources: Mapping[str, Sequence[SourceFile]]) -> Definition:
    version = contract.ref.version
    text = _text(contract, sources[f"{contract.subject}.v{version}"])
    avro = json.loads(text)
    listed = contract.options.schema_ids.revisions
    return Definition(version, text, published_content(avro), parsed_hash(avro), listed)


def _text(contract: Contract, files: Sequence[SourceFile]) -> str:
    """Return the schema as its file has it, or with the types of other files in it.

    The annotations of a sidecar stay out of it.
    """
    if len(files) == 1:
        return contract.json
    avro = json.loads(contract.json)
    del avro["headrace"]
    text = without_comments(files[0].text, files[0].name)
    return text if read_avro(text, files[0].name) == avro else json.dumps(avro, ensure_ascii=False)
