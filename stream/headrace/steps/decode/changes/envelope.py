"""Reader of the envelope of a change event: the operation, and where and when the database changed the row."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import cache
from typing import Any, Final, NamedTuple

from headrace.schemas.decoder import compile_decoder
from headrace.schemas.envelope import from_micros, to_rfc3339
from headrace.schemas.errors import MalformedEnvelopeError, UndecodableError
from headrace.schemas.json_encoding.compile_json import compile_json
from headrace.schemas.json_encoding.forms import Form
from headrace.schemas.json_encoding.rules import STRICT, UnknownKeys
from headrace.schemas.message_rules.change_events import (
    EVENT,
    OP,
    POSITION,
    ROWLESS,
    TABLE,
    TIME,
    ChangeRules,
    Op,
)
from headrace.schemas.model import Kind, Record
from headrace.schemas.parse import parse_record
from headrace.schemas.scalars import BOUNDS
from headrace.steps.decode.changes.positions import position_of
from headrace.steps.decode.joined_ids import joined

DERIVED: Final = "debezium:"  # an id that begins so is completed by the key of the row
_TEXTS: Final = ("connector", "name", "db", "schema", "table", "gtid", "file", "commit_lsn", "change_lsn")
_WHOLES: Final = ("ts_ms", "ts_us", "lsn", "server_id", "pos", "row", "event_serial_no")
_RULES: Final = replace(
    STRICT,
    longs=frozenset({Form.NUMBER, Form.TEXT}),
    absent=frozenset({Form.NULL}),
    unknown_keys=UnknownKeys.IGNORE,
)
_MAY_BE_ROWLESS: Final = re.compile(rb'"op"\s*:\s*"[tm]"')


class ChangeEnvelope(NamedTuple):
    """The envelope of one change: *source* is what the connector says of the change."""

    op: Op
    source: Mapping[str, Any]


def read_change(text: bytes) -> ChangeEnvelope:
    """Read the envelope of a change event, with or without ``schema`` and ``payload`` around it.

    Raises:
        UndecodableError: the text is not JSON, or a value in the envelope has another type.
        MalformedEnvelopeError: it is no change event.
    """
    payload, op, source = _reader()(text)
    if payload is not None:
        if op is not None or source is not None:
            raise MalformedEnvelopeError("payload", "is beside an operation or a source")
        op, source = payload["op"], payload["source"]
    if op is None:
        raise MalformedEnvelopeError("op", _NO_CHANGE)
    if op not in set(Op):
        raise MalformedEnvelopeError("op", f"is not one of {', '.join(Op)}")
    if source is None:
        raise MalformedEnvelopeError("source", "is missing")
    return ChangeEnvelope(Op(op), source)


def change_attributes(change: ChangeEnvelope, rules: ChangeRules) -> dict[str, str]:
    """Return what a change gives as attributes.

    Raises:
        MalformedEnvelopeError: the change has no row, is of another table, or does not say its time or position.
    """
    op, source = change
    if op in ROWLESS:
        raise MalformedEnvelopeError("op", f'is {op}, {_ROWLESS[op]}; state drop = ["{op}"] to leave it out')
    table = f"{source['schema'] or source['db'] or ''}.{source['table'] or ''}"
    if not source["table"]:
        raise MalformedEnvelopeError("source.table", "is missing or empty")
    if rules.source_table not in (None, table):
        raise MalformedEnvelopeError("source.table", "is not the table that the contract states")
    position = position_of(source)
    named = (source["connector"], source["name"] or "", source["db"] or "", table)
    return {
        OP: op,
        TIME: _time(source),
        POSITION: position.text,
        TABLE: f"{source['name'] or ''}.{table}",
        EVENT: DERIVED + joined((*named, *position.parts, op)),
    }


def is_left_out(text: bytes, rules: ChangeRules) -> bool:
    """Return whether a message is a change without a row that the contract leaves out."""
    if not rules.drop or not _MAY_BE_ROWLESS.search(text):
        return False
    try:
        return read_change(text).op in rules.drop
    except (UndecodableError, MalformedEnvelopeError):
        return False


_NO_CHANGE: Final = "is missing; send whole change events, without the transformation ExtractNewRecordState"
_ROWLESS: Final = {Op.TRUNCATE: "which empties the whole table", Op.MESSAGE: "a message of the log, without a row"}
_EARLIEST, _LATEST = BOUNDS[Kind.TIMESTAMP_MICROS][:2]


def _time(source: Mapping[str, Any]) -> str:
    micros, millis = source["ts_us"], source["ts_ms"]
    if micros is None and millis is None:
        raise MalformedEnvelopeError("source.ts_ms", "is missing")
    moment = micros if micros is not None else millis * 1000
    if not _EARLIEST <= moment <= _LATEST:
        raise MalformedEnvelopeError("source.ts_ms", "is outside years 1 to 9999")
    return to_rfc3339(from_micros(moment))


@cache
def _reader() -> Callable[[bytes], Any]:
    record = _envelope()
    transcode, decode = compile_json(record, _RULES), compile_decoder(record, record)
    return lambda text: decode(transcode(text))


def _envelope() -> Record:
    fields = [{"name": name, "type": ["null", "string"]} for name in _TEXTS]
    fields += [{"name": name, "type": ["null", "long"]} for name in _WHOLES]
    source = {"type": "record", "name": "Source", "fields": fields}
    change = [{"name": "op", "type": ["null", "string"]}, {"name": "source", "type": ["null", source]}]
    again = [{"name": "op", "type": ["null", "string"]}, {"name": "source", "type": ["null", "Source"]}]
    payload = {"name": "payload", "type": ["null", {"type": "record", "name": "Payload", "fields": change}]}
    avro = {"type": "record", "name": "Change", "fields": [payload, *again]}
    return replace(parse_record(avro, "change event").record, datum=True)
