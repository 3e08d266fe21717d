"""Ids of many events at once, derived from the columns of their contract's identity (``docs/identity.md``)."""

from __future__ import annotations

import json
from binascii import hexlify
from collections.abc import Sequence
from hashlib import sha1
from typing import Any, Final, TypeAlias, assert_never

import numpy as np
import numpy.typing as npt
import pyarrow as pa
import pyarrow.compute as pc

from headrace.schemas.annotations import IdRule
from headrace.schemas.identity import NAMESPACE, in_json
from headrace.schemas.model import Field
from headrace.schemas.registry import Contract

Texts: TypeAlias = npt.NDArray[np.uint8]  # shape (ids, 36)
_ESCAPED: Final = r'[\x00-\x1f"\\]'  # characters that JSON does not write as they are
_WHOLE_SECOND: Final = ".000000"
_NOTHING: Final = pa.scalar("")
_UUID_LENGTH, _UUID_BYTES = 36, 16
# Of each group of a UUID, its hexadecimal digits and their place in the text.
_GROUPS: Final = [
    (slice(0, 8), slice(0, 8)),
    (slice(8, 12), slice(9, 13)),
    (slice(12, 16), slice(14, 18)),
    (slice(16, 20), slice(19, 23)),
    (slice(20, 32), slice(24, 36)),
]


class IdentityColumns:
    """The columns from which the ids of one contract's events are derived."""

    def __init__(self, contract: Contract) -> None:
        known = {field.name: field for field in contract.record.fields}
        self._fields = [known[name] for name in contract.options.identity]
        self._begin = f"[{json.dumps(contract.subject)}"
        self._rule = contract.options.id_rule

    def settle(self, rows: pa.RecordBatch, given: list[str]) -> tuple[list[str], dict[int, str]]:
        """Return the id of each of *rows*, and why rows are refused, by index: the contract checks their *given* id."""
        match self._rule:
            case IdRule.TRUST:
                return given, {}
            case IdRule.DERIVE:
                return self.ids(rows), {}
            case IdRule.CHECK:
                gives = f"the contract's identity ({', '.join(each.name for each in self._fields)}) gives"
                others = self.others(rows, given).items()
                return given, {at: f"the id is not {id_}, which {gives}; see docs/identity.md" for at, id_ in others}
            case _:
                assert_never(self._rule)

    def ids(self, rows: pa.RecordBatch) -> list[str]:
        """Return the id of each of *rows*, which are not masked."""
        return text_of_each(uuid_texts(self._names(rows)))

    def others(self, rows: pa.RecordBatch, given: Sequence[str]) -> dict[int, str]:
        """Return the id of each of *rows* whose *given* one is another, by index."""
        texts, joined = uuid_texts(self._names(rows)), "".join(given)
        places: Sequence[int] = range(len(given))
        if set(map(len, given)) == {_UUID_LENGTH} and joined.isascii():
            found: Texts = np.frombuffer(joined.encode(), np.uint8).reshape(texts.shape)
            places = np.flatnonzero((found != texts).any(axis=1)).tolist()
        derived = {place: texts[place].tobytes().decode() for place in places}
        return {place: text for place, text in derived.items() if text != given[place]}

    def _names(self, rows: pa.RecordBatch) -> list[bytes]:
        """Return what is hashed for each row: a JSON array of the subject and the values, without white space."""
        return derived_names(self._begin, self._fields, rows)


def derived_names(begin: str | pa.Array, fields: Sequence[Field], rows: pa.RecordBatch) -> list[bytes]:
    """Return, for each of *rows*, a JSON array without white space: *begin*, its beginning, and the values of *fields*.

    *begin* is one text, or an array of one for each row.
    """
    pieces: list[Any] = [begin, ""]
    for field in fields:
        before, texts, after = _in_json(field, rows.column(field.column))
        pieces[-1] += f",{before}"
        pieces += [texts, after]
    pieces[-1] += "]"
    names = pc.binary_join_element_wise(*pieces, _NOTHING)
    return names.cast(pa.binary()).to_pylist()  # type: ignore[no-any-return]


def text_of_each(texts: Texts) -> list[str]:
    """Return each of *texts* as a Python text."""
    joined = texts.tobytes().decode()
    return [joined[at : at + _UUID_LENGTH] for at in range(0, len(joined), _UUID_LENGTH)]


def uuid_texts(names: Sequence[bytes]) -> Texts:
    """Return the text of the UUIDv5 of each of *names* in the namespace of derived ids."""
    begun, digests = sha1(NAMESPACE.bytes, usedforsecurity=False).copy, []
    for name in names:  # copying is faster than hashing the namespace again
        hash_ = begun()
        hash_.update(name)
        digests.append(hash_.digest())
    raw = np.frombuffer(b"".join(digests), np.uint8).reshape(len(names), -1)[:, :_UUID_BYTES].copy()
    raw[:, 6] = raw[:, 6] & 0x0F | 0x50  # the version
    raw[:, 8] = raw[:, 8] & 0x3F | 0x80  # the variant
    digits = np.frombuffer(hexlify(raw.tobytes()), np.uint8).reshape(len(names), -1)
    texts = np.full((len(names), _UUID_LENGTH), ord("-"), np.uint8)
    for digit, place in _GROUPS:
        texts[:, place] = digits[:, digit]
    return texts


def _in_json(field: Field, column: pa.Array) -> tuple[str, pa.Array, str]:
    """Return the values of a field as :func:`headrace.schemas.identity.in_json` writes them.

    The first and the last text are the same for all values.
    """
    type_ = column.type
    if pa.types.is_boolean(type_) or pa.types.is_integer(type_):
        return "", column.cast(pa.string()), ""
    if pa.types.is_timestamp(type_):
        texts = pc.binary_replace_slice(column.cast(pa.timestamp("us")).cast(pa.string()), 10, 11, "T")
        return '"', _shortened(texts), 'Z"' if type_.tz else '"'
    if pa.types.is_date(type_) or pa.types.is_time(type_):
        return '"', _shortened(column.cast(pa.string())), '"'
    if pa.types.is_string(type_) and not pc.any(pc.match_substring_regex(column, _ESCAPED)).as_py():
        return '"', column, '"'
    return "", pa.array([in_json(field, each) for each in column.to_pylist()], pa.string()), ""


def _shortened(times: pa.Array) -> pa.Array:
    """Return texts of times without the digits of a fraction that is zero."""
    whole = pc.ends_with(times, _WHOLE_SECOND)
    if not pc.any(whole).as_py():
        return times
    shorter = pc.utf8_slice_codeunits(times, 0, -len(_WHOLE_SECOND))
    return shorter if pc.all(whole).as_py() else pc.if_else(whole, shorter, times)
