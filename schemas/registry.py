"""Find, lint, fingerprint and hold every contract of a folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import cached_property
from importlib.resources import files
from importlib.resources.abc import Traversable
from typing import Any

import fastavro
from fastavro.schema import SchemaParseException, UnknownType

from schemas.annotations import TableOptions, parse_table_options
from schemas.envelope import SchemaRef
from schemas.errors import ContractError, UnknownSchemaError
from schemas.lint import lint
from schemas.model import Record
from schemas.parse import parse_record
from schemas.transformations import Transformations, lint_transformations, parse_transformations, written

MAX_FILE_BYTES = 1_048_576


@dataclass(frozen=True)
class Contract:
    """One version of one subject: the ``.avsc`` as a tree, its table, and the hash of all it says."""

    ref: SchemaRef
    record: Record
    options: TableOptions
    transformations: Transformations
    doc: str
    fingerprint: str
    json: str

    @property
    def subject(self) -> str:
        """The name its topic, subscription and events carry."""
        return self.ref.subject

    @cached_property
    def written(self) -> Record:
        """The record as it stands in its table: masked, and with derived columns."""
        return written(self.record, self.transformations)

    @cached_property
    def avro(self) -> Any:
        """The schema as fastavro holds it, for encoding."""
        return fastavro.parse_schema(json.loads(self.json))

    def __reduce__(self) -> tuple[Any, ...]:
        return parse_contract, (self.ref, self.json)


def fingerprint(avro: Mapping[str, Any]) -> str:
    """Hash the whole normalised JSON (SHA-256, hexadecimal).

    Avro's own canonical form forgets logical types, defaults and annotations, so two contracts
    that mask differently would be one.

    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    normal = json.dumps(avro, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(normal.encode()).hexdigest()


def parse_contract(ref: SchemaRef, text: str) -> Contract:
    """Read one contract from its JSON; ContractError says where, why and the remedy."""
    where = f"{ref.subject}.v{ref.version}"
    try:
        avro = json.loads(text, object_pairs_hook=_unique_keys)
    except (ValueError, RecursionError) as error:
        raise ContractError(where, f"not JSON ({error})", "mend the file") from error
    if not isinstance(avro, dict):
        raise ContractError(where, "not a record", 'an event is a record: say "type": "record"')
    record = parse_record(avro, where)
    options = parse_table_options(avro.get("headrace"), f"{where}.headrace")
    transformations = parse_transformations(avro["headrace"], f"{where}.headrace")
    lint(record, options, where, [derived.field for derived in transformations.derived])
    lint_transformations(record, options.table, transformations, f"{where}.headrace")
    contract = Contract(ref, record, options, transformations, str(avro.get("doc", "")), fingerprint(avro), text)
    _check_avro(contract, where)
    return contract


class Registry:
    """Every contract a job serves or a producer may publish, by subject and version."""

    def __init__(self, contracts: Mapping[SchemaRef, Contract]) -> None:
        self._contracts = dict(sorted(contracts.items()))
        self._latest = {ref.subject: contract for ref, contract in self._contracts.items()}
        _refuse_shared_tables(self._latest)

    @classmethod
    def load(cls, folder: Traversable | None = None) -> Registry:
        """Read every ``<subject>.v<N>.avsc`` of *folder*, by default the contracts that come with the package.

        Raises:
            ContractError: a file's name or content is refused, or the folder holds no contract.
        """
        folder = folder if folder is not None else files("schemas") / "avro"
        found = {}
        for entry in sorted(folder.iterdir(), key=lambda entry: entry.name):
            if entry.name.endswith(".avsc"):
                ref = _ref_of_file(entry.name)
                found[ref] = parse_contract(ref, _read(entry))
        if not found:
            raise ContractError(str(folder), "no .avsc file", "name a folder that holds <subject>.v1.avsc")
        return cls(found)

    def __getitem__(self, ref: SchemaRef) -> Contract:
        try:
            return self._contracts[ref]
        except KeyError:
            raise UnknownSchemaError(f"no contract {ref.subject}.v{ref.version} here") from None

    def __iter__(self) -> Iterator[Contract]:
        return iter(self._contracts.values())

    def latest(self, subject: str) -> Contract:
        """The newest version of a subject: what the table looks like and what producers write."""
        try:
            return self._latest[subject]
        except KeyError:
            raise UnknownSchemaError(f"no contract for subject {subject!r} here") from None

    @property
    def subjects(self) -> tuple[str, ...]:
        """Every subject, in order."""
        return tuple(self._latest)


def _read(entry: Traversable) -> str:
    data = entry.read_bytes()
    if len(data) > MAX_FILE_BYTES:
        raise ContractError(entry.name, f"larger than {MAX_FILE_BYTES} bytes", "split the event")
    try:
        return data.decode()
    except UnicodeDecodeError as error:
        raise ContractError(entry.name, "not UTF-8", "save it as UTF-8") from error


def _ref_of_file(name: str) -> SchemaRef:
    subject, _, version = name.removesuffix(".avsc").rpartition(".v")
    try:
        return SchemaRef.parse(f"headrace:{subject}:{version}")
    except ValueError:
        raise ContractError(
            name, "not the name of a contract", "call it <subject>.v<N>.avsc, subject in lower case"
        ) from None


def _check_avro(contract: Contract, where: str) -> None:
    try:
        _ = contract.avro
    except (SchemaParseException, UnknownType, TypeError, ValueError) as error:
        raise ContractError(where, f"fastavro refuses it ({error})", "see the Avro specification") from error


def _unique_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len({key for key, _ in pairs}) != len(pairs):
        raise ValueError("a key stands twice in one object")
    return dict(pairs)


def _refuse_shared_tables(latest: Mapping[str, Contract]) -> None:
    owners: dict[str, str] = {}
    for subject, contract in latest.items():
        for table in (contract.options.table, *(rollup.name for rollup in contract.transformations.rollups)):
            other = owners.setdefault(table, subject)
            if other != subject:
                raise ContractError(subject, f"{other} already writes table {table}", "name another table")
