"""``headrace contracts annotate``: write a first sidecar beside a schema, with suggestions for a person to confirm."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Final

from headrace.config.settings import SettingsError
from headrace.errors import Exit, HeadraceError
from headrace.schemas.avro_text import read_avro, without_comments
from headrace.schemas.folder import SUFFIX, contract_files
from headrace.schemas.foreign_keys import KEY as FOREIGN_KEYS
from headrace.schemas.foreign_keys import suggest_foreign_keys, without_foreign_keys
from headrace.schemas.parse import parse_record
from headrace.schemas.shared_types import SharedTypes, bundled
from headrace.schemas.sidecar import SIDECARS, TOML
from headrace.schemas.sidecar_text import sidecar_text
from headrace.schemas.suggestions import FieldSuggestion, suggest_event_time, suggest_fields
from headrace.util.output import check_format, say, show

ATTRIBUTES: Final = "attributes"
_DATUM: Final = "datum"
_NAME: Final = "<subject>.v<N>.avsc"


class SidecarExistsError(HeadraceError, error_code="HR-327", exit_code=Exit.CONFIGURATION):
    """There is a sidecar already, or the schema has annotations itself."""


def annotate(
    file: Path, table: str | None, encoding: str | None, envelope: str | None, confirmed: bool, format_: str
) -> None:
    """Write the sidecar of a schema, and print each suggestion.

    Without an *envelope*, messages in another *encoding* than a datum are taken to be those of any client.

    Raises:
        SettingsError: *file* is not a schema with the name of a contract.
        ContractError: the schema cannot be read.
        SidecarExistsError: annotations are there already.
    """
    check_format(format_)
    subject, avro = _schema(file)
    envelope = envelope or (ATTRIBUTES if encoding not in (None, _DATUM) else None)
    foreign = suggest_foreign_keys(avro)
    record = parse_record(without_foreign_keys(avro, {FOREIGN_KEYS: foreign}, file.name), file.name).record
    time, fields = suggest_event_time(record), suggest_fields(record, avro)
    given = {"encoding": encoding, "envelope": _envelope(envelope), FOREIGN_KEYS: foreign}
    more = {name: value for name, value in given.items() if value}
    text = sidecar_text(table or subject, time, fields, more, confirmed)
    sidecar = file.with_name(file.name.removesuffix(SUFFIX) + TOML)
    sidecar.write_text(text)
    show("fields", [_row(each) for each in fields], format_, file=str(sidecar), event_time=time.rule)
    open_ = sum(each.pii is None for each in fields)
    say(f"wrote {sidecar}: check its event time, its limits and its table")
    if foreign:
        say(
            f"the schema has keys that read like Headrace's or Avro's: {', '.join(foreign)}; foreign_keys says that "
            "other programs read them: check that none is a misspelling"
        )
    if envelope == ATTRIBUTES:
        say(
            "its id is the message id, so an event that is published twice is two rows: name attributes, such as "
            'id = {attributes = ["kafka.topic", "kafka.partition", "kafka.offset"]}, where messages have them, or add '
            'fields that identify an event, such as identity = {fields = ["order_id"], id = "derive"}'
        )
    if open_ and not confirmed:
        say(f"{open_} of its fields seem not personal: remove the # before each that is not")


def _schema(file: Path) -> tuple[str, Any]:
    """Return the subject and the schema's JSON, with the types that other files of its folder define."""
    if not file.exists():
        raise SettingsError(f"{file}: no such file; name a file {_NAME}")
    if not file.name.endswith(SUFFIX) or not file.is_file():
        raise SettingsError(f"{file}: not a schema; name a file {_NAME}")
    beside = [name for suffix in SIDECARS if (name := file.name.removesuffix(SUFFIX) + suffix) in _names(file.parent)]
    if beside:
        raise SidecarExistsError(f"{file.with_name(beside[0])}: is there already; change it, or remove it first")
    shared = SharedTypes()
    own = None
    for each in contract_files(file.parent):
        if each.error is None and each.ref is not None:
            shared.add_contract(each.text, each.name)
            own = each if each.name == file.name else own
        elif each.error is None:
            shared.add_file(each.text, each.name, each.stem)
    if own is None:
        raise SettingsError(f"{file}: not the name of a contract; call it {_NAME}, such as order_placed.v1.avsc")
    avro = bundled(read_avro(without_comments(own.text, own.name), own.name), shared, own.name)
    if isinstance(avro, dict) and "headrace" in avro:
        raise SidecarExistsError(f"{file}: has annotations already; change them there")
    return own.subject, avro


def _names(folder: Path) -> set[str]:
    return {entry.name for entry in folder.iterdir()}


def _envelope(kind: str | None) -> Any:
    """Return the annotation of an envelope. Attributes take the message id until a person names a better one."""
    return {"kind": ATTRIBUTES, "id": "message_id"} if kind == ATTRIBUTES else kind


def _row(suggestion: FieldSuggestion) -> dict[str, str]:
    pii = suggestion.pii
    return {
        "field": suggestion.path,
        "pii": "none" if pii is None else pii.kind,
        "mask": "" if pii is None else str(pii.mask),
        "why": suggestion.why,
    }
