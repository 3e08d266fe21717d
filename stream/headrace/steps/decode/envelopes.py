"""The envelopes of many messages at once: what repeats is looked up, and times are compared as columns."""

from __future__ import annotations

import sys
from array import array
from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

Head: TypeAlias = tuple[str | None, str | None, str | None, str | None]

# Arrow takes what schemas/headrace/schemas/envelope.py does, and besides: a blank for the T, an offset for the Z, no
# minutes or seconds.
_SHORTEST: Final = len("2026-01-02T03:04:05Z")
_OURS: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$"
_INSTANT: Final = pa.timestamp("us", "UTC")


def head_of(attributes: Mapping[str, str]) -> Head:
    """The attributes that are the same for most messages of a subject, and say nothing of one event."""
    get = attributes.get
    return get("ce-dataschema"), get("ce-type"), get("ce-specversion"), get("content-type")


def disagreeing(texts: Sequence[str], moments: pa.Array) -> list[int]:
    """Where *texts* are not plainly the times *moments* (microseconds since 1970), by index: these want another look.

    One text that is no day of a calendar can make all of them suspect.
    """
    try:
        told = pa.array(texts, pa.string())
        same = pc.equal(_instants(told), moments)
    except (pa.ArrowInvalid, UnicodeEncodeError):
        return [*range(len(texts))]
    plain = pc.greater_equal(pc.binary_length(told), _SHORTEST)
    for shape in (pc.match_substring(told, "T"), pc.ends_with(told, "Z")):
        plain = pc.and_(plain, shape)
    same = pc.fill_null(pc.and_(same, plain), fill_value=False)
    return [] if same.true_count == len(texts) else pc.indices_nonzero(pc.invert(same)).to_pylist()


def _instants(told: pa.Array) -> pa.Array:
    """Microseconds since 1970; null where a text that Arrow makes nothing of is not in the form that we write."""
    try:
        return told.cast(_INSTANT).view(pa.int64())
    except pa.ArrowInvalid:
        ours = pc.match_substring_regex(told, _OURS)
        return pc.if_else(ours, told, None).cast(_INSTANT).view(pa.int64())


def packed(pieces: Sequence[bytes], type_: pa.DataType) -> pa.Array:
    """An array of values of one width, from the bytes of each."""
    return pa.Array.from_buffers(type_, len(pieces), [None, pa.py_buffer(b"".join(pieces))])


def packed_numbers(pieces: Sequence[bytes]) -> pa.Array:
    """An array of signed 64-bit integers, from the eight bytes of each, the highest first."""
    numbers = array("q", b"".join(pieces))
    if sys.byteorder == "little":
        numbers.byteswap()
    return pa.Array.from_buffers(pa.int64(), len(pieces), [None, pa.py_buffer(numbers)])
