"""Registry of a folder's contracts: finds, lints, fingerprints and holds them."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final, NamedTuple

from headrace.schemas.annotations import TableOptions
from headrace.schemas.avro_text import read_avro, without_comments
from headrace.schemas.check_contract import check_contract
from headrace.schemas.classification import Mask
from headrace.schemas.contradictions import contradictions
from headrace.schemas.decoder import Decode, compile_decoder
from headrace.schemas.encode_tree import Encoder, has_union, tree_encoder
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError, UnknownSchemaError
from headrace.schemas.event_encoding.encoded_event import EncodeFields
from headrace.schemas.fastavro_schema import fastavro_schema
from headrace.schemas.fault_lines import SourceFile, notation_of, with_lines
from headrace.schemas.faults import together
from headrace.schemas.folder import SUFFIX, ContractFile, contract_files
from headrace.schemas.identity import DeriveId, compile_identity
from headrace.schemas.lazy_value import lazy_value
from headrace.schemas.lint import lint_payloads
from headrace.schemas.message_rules.event_moment import event_moment, plain_timestamp
from headrace.schemas.model import Record, walk
from headrace.schemas.named_types import check_doc
from headrace.schemas.notation import Notation
from headrace.schemas.shared_types import SharedTypes, bundled
from headrace.schemas.sidecar_lookalikes import naming_lookalike
from headrace.schemas.transformations import Transformations, written

_NAMED: Final = 10  # subjects in an error


@dataclass(frozen=True)
class Contract:
    """One version of a subject's contract: the ``.avsc`` as a tree, its options, and the hash of its content.

    *json* holds the definitions of other files that the contract uses. *notices* say what is read otherwise than the
    schema says; nobody has to act on them. Texts that name a setting use its *notation*.
    """

    ref: SchemaRef
    record: Record
    options: TableOptions
    transformations: Transformations
    doc: str
    fingerprint: str
    json: str
    notices: tuple[str, ...] = ()
    notation: Notation = Notation.SCHEMA

    @property
    def subject(self) -> str:
        """The name of its topic, subscription and events."""
        return self.ref.subject

    def column(self, name: str) -> str:
        """Return the name of the column of a field of the event; a derived column has the name that it is given."""
        return next((field.column for field in self.record.fields if field.name == name), name)

    @lazy_value
    def columns(self) -> Record:
        """The record with a field for each metadata column: what rows have before they are masked."""
        return replace(self.record, fields=(*self.record.fields, *(each.field for each in self.options.metadata)))

    @lazy_value
    def written(self) -> Record:
        """The record as it is stored in its table: masked, with metadata columns and derived ones."""
        return written(self.columns, self.transformations)

    @property
    def makes_tokens(self) -> bool:
        """Whether some field, at any depth, becomes a token."""
        return any(field.mask is not None and field.mask.mask is Mask.TOKENISE for _, field in walk(self.columns))

    def event_moment(self, fields: Mapping[str, Any]) -> datetime | None:
        """Return the time that an event's validated *fields* say; None if they do not say it.

        Raises:
            InvalidEventError: the value is no time; never contains the value.
        """
        plain = fields.get(self._plain_timestamp) if self._plain_timestamp else None
        if type(plain) is datetime and plain.tzinfo is UTC:
            return plain
        return event_moment(self.record, self.options.event_time, fields)

    @lazy_value
    def _plain_timestamp(self) -> str | None:
        return plain_timestamp(self.record, self.options.event_time)

    @lazy_value
    def avro(self) -> Any:
        """The schema in fastavro's form, for encoding."""
        return fastavro_schema(self.record)

    @lazy_value
    def encoder(self) -> Encoder | None:
        """The encoder of whole events with unions of several types; None if fastavro encodes them."""
        return tree_encoder(self.record) if has_union(self.record) else None

    @lazy_value
    def decode(self) -> Decode:
        """The strict decoder of its own payloads."""
        return compile_decoder(self.record, self.record)

    @lazy_value
    def decode_datum(self) -> Decode:
        """The strict decoder of its datums, whatever their first bytes are."""
        datum = replace(self.record, datum=True, header=0)
        return compile_decoder(datum, datum)

    @lazy_value
    def event_encoder(self) -> EncodeFields | None:
        """The compiled encoder of its events; None without the compiled module."""
        from headrace.schemas.event_encoding.event_encoder import compile_event_encoder  # only who encodes needs it

        return compile_event_encoder(self.record, self.options.identity, self.options.event_time)

    @lazy_value
    def derive_id(self) -> DeriveId | None:
        """The function that derives the id of an event from its validated fields; None without an identity."""
        fields = {field.name: field for field in self.record.fields}
        named = [fields[name] for name in self.options.identity]
        return compile_identity(self.subject, named) if named else None

    def __reduce__(self) -> tuple[Any, ...]:
        return parse_contract, (self.ref, self.json, None, self.notation)


def fingerprint(avro: Mapping[str, Any]) -> str:
    """Return the hash of the whole normalised JSON (SHA-256, hexadecimal).

    Avro's own canonical form leaves out logical types, defaults and annotations. With it, two contracts that mask
    differently would have the same fingerprint.

    >>> fingerprint({"a": 1, "b": 2}) == fingerprint({"b": 2, "a": 1})
    True
    """
    normal = json.dumps(avro, sort_keys=True, separators=(",", ":"), ensure_ascii=False)
    return hashlib.sha256(normal.encode()).hexdigest()


def parse_contract(
    ref: SchemaRef, text: str, shared: SharedTypes | None = None, notation: Notation = Notation.SCHEMA
) -> Contract:
    """Read one contract from its JSON, which may use *shared* types of other files.

    *notation* is the form in which a person has written its settings.

    Raises:
        ContractError: it breaks rules; gives the place, the problem and the remedy of each fault.
    """
    where = ref.short
    text = without_comments(text, where)
    given = read_avro(text, where)
    avro = bundled(given, shared or SharedTypes(), where)
    if avro is not given:
        text = json.dumps(avro, ensure_ascii=False)
    if not isinstance(avro, dict):
        raise ContractError(where, "not a record", 'an event is a record: write "type": "record"')
    record, options, transformations, notices = check_contract(avro, where)
    name = fingerprint(avro)
    if options.encodings.has_datum:
        lint_payloads(record, name, where)
    return Contract(ref, record, options, transformations, check_doc(avro, where), name, text, notices, notation)


class FolderContents(NamedTuple):
    """The contracts of a folder, the faults of files by subject, and the files of each contract, such as ``a.v1``."""

    contracts: dict[SchemaRef, Contract]
    blocked: dict[str, ContractError]
    sources: dict[str, tuple[SourceFile, ...]]

    @property
    def latest(self) -> dict[str, Contract]:
        """The newest version of each subject that can be read."""
        return {ref.subject: contract for ref, contract in sorted(self.contracts.items())}

    def refused(self) -> dict[str, ContractError]:
        """Return why each subject that the job would not serve is refused, with files and lines."""
        faults = dict(self.blocked)
        for subject, fault in contradictions(self.contracts.values(), self.latest).items():
            _block(faults, subject, fault)
        return {subject: with_lines(fault, self.sources) for subject, fault in faults.items()}


def read_folder(folder: Path) -> FolderContents:
    """Read every contract of a folder by itself, with the types that its other files share.

    Raises:
        ContractError: the folder cannot be read, or holds no contract.
    """
    files = list(contract_files(folder))
    shared, blocked = _shared_types(files)
    found: dict[SchemaRef, Contract] = {}
    for each in files:
        try:
            if each.ref is not None and each.error is None:
                found[each.ref] = parse_contract(each.ref, each.text, shared, notation_of(each.sources))
        except ContractError as error:
            _block(blocked, each.subject, naming_lookalike(error, each.stem, each.name, each.lookalike))
    if not found and not blocked:
        raise ContractError(str(folder), f"no {SUFFIX} file", "name a folder that holds <subject>.v1.avsc")
    return FolderContents(found, blocked, {each.stem: each.sources for each in files})


class Registry:
    """The contracts that a job serves or a producer may publish, by subject and version.

    *blocked* maps each subject that is not served to the reason. A file whose name contains no subject is listed by its
    file name.
    """

    def __init__(
        self,
        contracts: Mapping[SchemaRef, Contract],
        blocked: Mapping[str, ContractError] | None = None,
        sources: Mapping[str, Sequence[SourceFile]] | None = None,
        *,
        place: str = "this registry",
    ) -> None:
        """Hold *contracts*, which were read from *sources* in *place*.

        Raises:
            ContractError: they contradict each other.
        """
        self._place = place
        self._contracts = dict(sorted(contracts.items()))
        self._sources = dict(sources or {})
        self._latest = {ref.subject: contract for ref, contract in self._contracts.items()}
        self.blocked: Mapping[str, ContractError] = dict(sorted((blocked or {}).items()))
        faults = contradictions(self._contracts.values(), self._latest)
        if faults:
            raise together([*faults.values()])

    @classmethod
    def load(cls, folder: Path, *, place: str | None = None) -> Registry:
        """Read every ``<subject>.v<N>.avsc`` of *folder*, with the types that its other files share.

        Errors about unknown subjects name *place*, which is *folder* by default.

        Raises:
            ContractError: a file's name or content is refused, the newest version cannot read events of another one, or
                the folder holds no contract.
        """
        registry = cls.load_serviceable(folder, place=place)
        if registry.blocked:
            raise together([*registry.blocked.values()])
        return registry

    @classmethod
    def load_serviceable(cls, folder: Path, *, place: str | None = None) -> Registry:
        """Read the same files for a program that serves many subjects: a refused contract blocks only its own subject.

        Raises:
            ContractError: no subject is left, or the folder holds no contract.
        """
        found = read_folder(folder)
        refused = found.refused()
        contracts = _without(found.contracts, refused)
        return cls(contracts, refused, found.sources, place=place or str(folder))._with_a_subject()

    def blocking(self, faults: Mapping[str, ContractError]) -> Registry:
        """Return a registry that also blocks the subjects of *faults*; raises ContractError if no subject is left."""
        if not faults:
            return self
        blocked = {subject: self.located(fault) for subject, fault in faults.items()} | dict(self.blocked)
        contracts = _without(self._contracts, faults)
        return Registry(contracts, blocked, self._sources, place=self._place)._with_a_subject()

    def located(self, fault: ContractError) -> ContractError:
        """Return *fault* with the files and lines that it is about, if its contracts were read from a folder."""
        return with_lines(fault, self._sources)

    def _with_a_subject(self) -> Registry:
        if not self._latest and self.blocked:
            raise together([*self.blocked.values()])
        return self

    def __getitem__(self, ref: SchemaRef) -> Contract:
        try:
            return self._contracts[ref]
        except KeyError:
            raise UnknownSchemaError(f"no contract {ref.short} here") from None

    def __iter__(self) -> Iterator[Contract]:
        return iter(self._contracts.values())

    def latest(self, subject: str) -> Contract:
        """Return the newest version of a subject: it defines the table, and producers write it."""
        try:
            return self._latest[subject]
        except KeyError:
            if subject in self.blocked:
                raise UnknownSchemaError(f"subject {subject} is blocked: {self.blocked[subject]}") from None
            raise UnknownSchemaError(self._unknown(subject)) from None

    def _unknown(self, subject: object) -> str:
        import difflib  # only an error needs it

        near = difflib.get_close_matches(subject, self._latest, n=1) if isinstance(subject, str) else []
        known = ", ".join([*self._latest][:_NAMED]) + (", ..." if len(self._latest) > _NAMED else "")
        remedy = f"did you mean {near[0]}?" if near else f"add {subject}.v1{SUFFIX}, or use one of: {known or 'none'}"
        return f"no contract for subject {subject!r} in {self._place}; {remedy}"

    @property
    def subjects(self) -> tuple[str, ...]:
        """Every subject that is served, sorted."""
        return tuple(self._latest)

    @property
    def blocked_subjects(self) -> tuple[str, ...]:
        """Every blocked subject, sorted, without files whose name contains no subject."""
        return tuple(each for each in self.blocked if not each.endswith(SUFFIX))


def _shared_types(files: Iterable[ContractFile]) -> tuple[SharedTypes, dict[str, ContractError]]:
    """Return the types that files define, and the errors of files that are not readable, or misnamed, by subject."""
    shared = SharedTypes()
    faults: dict[str, ContractError] = {}
    for each in files:
        try:
            if each.error is not None:
                raise each.error
            if each.ref is None:
                shared.add_file(each.text, each.name, each.stem)
            else:
                shared.add_contract(each.text, each.name)
        except ContractError as error:
            _block(faults, each.subject, error)
    return shared, faults


def _block(blocked: dict[str, ContractError], subject: str, fault: ContractError) -> None:
    """Add a fault to those for which a subject is blocked."""
    blocked[subject] = together([blocked[subject], fault]) if subject in blocked else fault


def _without(contracts: Mapping[SchemaRef, Contract], faults: Mapping[str, ContractError]) -> dict[SchemaRef, Contract]:
    return {ref: contract for ref, contract in contracts.items() if ref.subject not in faults}
