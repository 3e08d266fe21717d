"""The contract of a new project: written from the user's words, and checked by the rules of every contract."""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from headrace.dev.new_project.field_option import FieldOption, parse_field
from headrace.dev.new_project.project_errors import ProjectOptionError
from headrace.schemas.classification import Mask
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.errors import ContractError
from headrace.schemas.message_rules.event_moment import plain_timestamp
from headrace.schemas.message_rules.event_time import event_field
from headrace.schemas.registry import Contract, parse_contract

SUBJECT_RULE: Final = (
    "use 3 to 100 lower-case letters, digits and _, beginning with a letter and not with goog, such as order_placed"
)
OCCURRED_AT: Final = "occurred_at"
LATE_AFTER_DAYS: Final = 30
MAX_NAME: Final = 128  # characters
_NAME: Final = re.compile(rf"[A-Za-z_][A-Za-z0-9_]{{0,{MAX_NAME - 1}}}")
_PLAIN_TYPE: Final = "timestamp"
_IDS: Final = frozenset({"string", "uuid", "int", "long"})
_OPTIONS: Final = ("table", "event_time", "identity")


@dataclass(frozen=True, slots=True)
class ContractWords:
    """The words from which a contract is made; what is left out follows from the rest."""

    subject: str
    fields: Sequence[FieldOption]
    table: str | None = None
    event_time: str | None = None
    identity: Sequence[str] | None = None
    doc: str = ""
    owner: str = ""


@dataclass(frozen=True, slots=True)
class NewContract:
    """A valid contract: its text, its *fields* with the event time, and how it reads."""

    text: str
    fields: Sequence[FieldOption]
    contract: Contract

    @property
    def subject(self) -> str:
        """The name of the event."""
        return self.contract.subject

    @property
    def event_time(self) -> str:
        """The name of the field with the event time."""
        return event_field(self.contract.options.event_time) or ""

    @property
    def makes_tokens(self) -> bool:
        """Whether the job needs a masking key."""
        return any(each.mask is Mask.TOKENISE for each in self.fields)


def check_subject(subject: str) -> SchemaRef:
    """Return the first version of *subject*. Raises ProjectOptionError if it is no name of a subject."""
    try:
        return SchemaRef.parse(f"headrace:{subject}:1")
    except ValueError:
        raise ProjectOptionError(f"--subject {subject[:60]}", "not the name of a subject", SUBJECT_RULE) from None


def new_contract(words: ContractWords) -> NewContract:
    """Write the contract.

    Raises:
        ProjectOptionError: it breaks a rule of contracts; the text names the option.
    """
    ref = check_subject(words.subject)
    fields = _with_event_time(words)
    _check_names(fields)
    avro = _avro(words, fields)
    try:
        text, contract = _parsed(ref, avro)
    except ContractError as error:
        raise ProjectOptionError(_option(error, ref, fields), error.why, error.remedy) from None
    if plain_timestamp(contract.record, contract.options.event_time) is None:
        raise ProjectOptionError(
            "--event-time", "not a timestamp that is never null", f"name a field of type {_PLAIN_TYPE}"
        )
    return NewContract(text, fields, contract)


def _check_names(fields: Sequence[FieldOption]) -> None:
    """Refuse names that some library or BigQuery does not take as they are: a new schema need not have them."""
    seen: set[str] = set()
    for each in fields:
        where = f"--field {each.text[:60]}"
        if not _NAME.fullmatch(each.name):
            rule = f"use at most {MAX_NAME} letters, digits and _, and no digit first"
            raise ProjectOptionError(where, f"invalid name {each.name[:40]!r}", rule)
        if each.name.startswith("_"):
            raise ProjectOptionError(where, "begins with _, as Headrace's own columns do", "rename it")
        if each.name.lower() in seen:
            raise ProjectOptionError(where, "named twice", "rename one; BigQuery ignores upper and lower case")
        seen.add(each.name.lower())


def _parsed(ref: SchemaRef, avro: dict[str, Any]) -> tuple[str, Contract]:
    """Parse the contract; producers of a new project write no header, so an ambiguous one may say so."""
    text = written(avro)
    try:
        return text, parse_contract(ref, text)
    except ContractError as error:
        if not error.where.endswith(".headrace.encoding"):
            raise
    avro["headrace"]["encoding"] = "datum"
    text = written(avro)
    return text, parse_contract(ref, text)


def _with_event_time(words: ContractWords) -> list[FieldOption]:
    """Return the fields; if the event time is not among them, it is added."""
    fields = list(words.fields)
    wanted = words.event_time or _event_time_of(fields) or OCCURRED_AT
    if wanted not in {each.name for each in fields}:
        fields.append(parse_field(f"{wanted}:{_PLAIN_TYPE}"))
    return fields


def _event_time_of(fields: Sequence[FieldOption]) -> str | None:
    good = (each.name for each in fields if each.type == _PLAIN_TYPE and not each.optional and each.mask is None)
    return next(good, None)


def _identity_of(fields: Sequence[FieldOption]) -> list[str]:
    """Return the first field that is called an id, or nothing: then events have random ids."""
    exact = [each for each in fields if each.type in _IDS and not each.optional and each.mask is None]
    return [each.name for each in exact if each.name.lower() == "id" or each.name.lower().endswith("_id")][:1]


def _avro(words: ContractWords, fields: Sequence[FieldOption]) -> dict[str, Any]:
    owner = f"Owner: {words.owner.rstrip('.')}." if words.owner else ""
    doc = " ".join(filter(None, [words.doc, owner]))
    identity = _identity_of(fields) if words.identity is None else list(words.identity)
    return {
        "type": "record",
        "name": "".join(part.capitalize() for part in words.subject.split("_")),
        **({"doc": doc} if doc else {}),
        "headrace": {
            "table": words.table or words.subject,
            "event_time": words.event_time or _event_time_of(fields),
            "late_after": f"{LATE_AFTER_DAYS}d",
            "ahead_at_most": "10m",
            **({"identity": identity} if identity else {}),
        },
        "fields": [each.as_avro for each in fields],
    }


def written(avro: dict[str, Any]) -> str:
    """Return *avro* as a person writes it: a line for each annotation and each field."""
    lines = [f'  "{key}": {_json(value)},' for key, value in avro.items() if key not in ("headrace", "fields")]
    options = [f'    "{key}": {_json(value)}' for key, value in avro["headrace"].items()]
    fields = [f"    {_json(each)}" for each in avro["fields"]]
    inner = ['  "headrace": {', ",\n".join(options), "  },", '  "fields": [', ",\n".join(fields), "  ]"]
    return "\n".join(["{", *lines, *inner, "}", ""])


def _json(value: Any) -> str:
    return json.dumps(value, ensure_ascii=False)


def _option(error: ContractError, ref: SchemaRef, fields: Sequence[FieldOption]) -> str:
    """Return the option that has caused the *error* of a contract."""
    place = error.where.removeprefix(ref.short).removeprefix(".")
    first, _, rest = place.partition(".")
    if first == "headrace" and (option := rest.partition(".")[0]) in _OPTIONS:
        return f"--{option.replace('_', '-')}"
    by_place = {f"fields[{number}]": each for number, each in enumerate(fields)}
    by_name = {each.name.lower(): each for each in fields}
    field = by_place.get(first) or by_name.get(first.lower())
    return f"--field {field.text[:60]}" if field else place
