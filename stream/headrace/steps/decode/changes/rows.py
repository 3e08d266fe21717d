"""Reader of the row in a change event: the row after a change, or the row before a deletion, as one datum."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property
from typing import Any, Final

from headrace.schemas.decoder import compile_decoder
from headrace.schemas.errors import UndecodableError
from headrace.schemas.json_encoding.compile_json import Transcode, compile_plan
from headrace.schemas.json_encoding.make_plan import as_json_has_it, plan
from headrace.schemas.json_encoding.plan import Code, Node
from headrace.schemas.json_encoding.rules import JsonRules
from headrace.schemas.message_rules.change_events import Before, ChangeRules, Op
from headrace.schemas.model import Record
from headrace.schemas.varint import write_long

PLACEHOLDER: Final = "__debezium_unavailable_value"
# Debezium writes it as text or as bytes, and in arrays of numbers as one number for each byte.
_PLACEHOLDERS: Final = (PLACEHOLDER, PLACEHOLDER.encode(), list(PLACEHOLDER.encode()))
_SIGNS: Final = (PLACEHOLDER.encode(), b"".join(map(write_long, PLACEHOLDER.encode())))
_NULL, _SOME = b"\0", b"\2"
_IDENTITY: Final = "set REPLICA IDENTITY FULL in PostgreSQL, or binlog_row_image = FULL in MySQL"
_NO_COLUMN: Final = "\0"  # begins the name of a field that is left out, as no column's name does


class ChangeRows:
    """Reader of the rows of one version's *record*, in JSON by *json*."""

    def __init__(self, record: Record, json: JsonRules, rules: ChangeRules) -> None:
        self._record, self._json, self._rules = record, json, rules

    def read(self, op: Op, text: bytes) -> bytes:
        """Return the row of a change as one datum of :func:`as_json_has_it`.

        Raises:
            UndecodableError: the change lacks the row, the row is incomplete, or a value is not of the contract.
        """
        row = self._before(text) if op is Op.DELETE else self._after(text)
        self._refuse_placeholder(row)
        return row

    def _after(self, text: bytes) -> bytes:
        row = _row_in(self._after_reader(text))
        if row is None:
            raise UndecodableError("no row, and the change is no deletion", "after", remedy="send the whole event")
        return row

    def _before(self, text: bytes) -> bytes:
        try:
            row = _row_in(self._before_reader(text))
        except UndecodableError as error:
            setting = f"{error.setting}; if rows before a deletion are incomplete, {_IDENTITY}"
            raise UndecodableError(error.why, error.path, error.offset, error.remedy, setting) from None
        if row is None:
            remedy = f"give the table a primary key, or {_IDENTITY}"
            raise UndecodableError("no row, and the change is a deletion", "before", remedy=remedy)
        return row

    @cached_property
    def _after_reader(self) -> Transcode:
        return compile_plan(_in_envelope(self._row, "after"))

    @cached_property
    def _before_reader(self) -> Transcode:
        row = self._row if self._rules.before is Before.ROW else _keys_alone(self._row, self._rules.key)
        return compile_plan(_in_envelope(row, "before"))

    @cached_property
    def _row(self) -> Node:
        return plan(self._record, self._json)

    @cached_property
    def _decode(self) -> Callable[[bytes], Any]:
        record = as_json_has_it(replace(self._record, datum=True, header=0))
        return compile_decoder(record, record)

    def _refuse_placeholder(self, row: bytes) -> None:
        """Refuse the text that Debezium writes for a value that it did not get."""
        if not any(sign in row for sign in _SIGNS):
            return
        for field, value in zip(self._record.fields, self._decode(row), strict=True):
            if any(each in _PLACEHOLDERS for each in _values(value)):
                why = "a placeholder of Debezium for a value that did not change"
                raise UndecodableError(why, field.name, remedy=f"{_IDENTITY}, or let the connector reselect the column")


def _in_envelope(row: Node, side: str) -> Node:
    """Return the plan of a change event that reads the *row* alone, also within ``payload``."""
    held = replace(row, name=side, optional=1, absent=_NULL)
    payload = Node(Code.RECORD, "payload", optional=1, absent=_NULL, children=(held,), ignore=True)
    return Node(Code.RECORD, "change", children=(payload, held), ignore=True)


def _row_in(datum: bytes) -> bytes | None:
    """Return the row in a datum of the plan; None if the change has none."""
    held = datum[1:-1] if datum.startswith(_SOME) else datum[1:]
    return held[1:] if held.startswith(_SOME) else None


def _keys_alone(row: Node, key: tuple[str, ...]) -> Node:
    """Return the plan that reads the *key* of a row, and nothing else: other columns may have made-up values."""
    children = (replace(each, absent=None) if each.name in key else _left_out(each) for each in row.children)
    return replace(row, children=tuple(children), ignore=True)


def _left_out(node: Node) -> Node:
    nothing = {0: _NULL, 1: _NULL, 2: _SOME}[node.optional]  # an array or a map without items, or null
    return replace(node, name=_NO_COLUMN + node.name, absent=nothing)


def _values(value: object) -> Iterator[object]:
    """Yield a value and all values in it."""
    yield value
    within = value.values() if isinstance(value, Mapping) else value
    if isinstance(within, list | tuple) or isinstance(value, Mapping):
        for each in within:  # type: ignore[attr-defined]
            yield from _values(each)
