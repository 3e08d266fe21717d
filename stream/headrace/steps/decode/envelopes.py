"""Envelopes of many messages at once: repeated attributes are looked up, and times are compared as columns."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final, TypeAlias

import pyarrow as pa
import pyarrow.compute as pc

Head: TypeAlias = tuple[str | None, str | None, str | None, str | None]

# Arrow accepts the times of schemas/headrace/schemas/envelope.py, and also a blank instead of the T, an offset instead
# of the Z, and times without minutes or seconds.
_SHORTEST: Final = len("2026-01-02T03:04:05Z")
_OURS: Final = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]{1,6})?Z$"
_INSTANT: Final = pa.timestamp("us", "UTC")


def head_of(attributes: Mapping[str, str]) -> Head:
    """Return the attributes that do not depend on the event: most messages of a subject have the same ones."""
    get = attributes.get
    return get("ce-dataschema"), get("ce-type"), get("ce-specversion"), get("content-type")


def disagreeing(texts: Sequence[str], moments: pa.Array) -> list[int]:
    """Return the indexes at which *texts* may not be the times *moments* (microseconds since 1970).

    Check these again: one text with an invalid date can make all of them suspect.
    """
    try:
        given = pa.array(texts, pa.string())
        same = pc.equal(_instants(given), moments)
    except (pa.ArrowInvalid, UnicodeEncodeError):
        return [*range(len(texts))]
    plain = pc.greater_equal(pc.binary_length(given), _SHORTEST)
    for shape in (pc.match_substring(given, "T"), pc.ends_with(given, "Z")):
        plain = pc.and_(plain, shape)
    same = pc.fill_null(pc.and_(same, plain), fill_value=False)
    return [] if same.true_count == len(texts) else pc.indices_nonzero(pc.invert(same)).to_pylist()


def _instants(texts: pa.Array) -> pa.Array:
    """Return microseconds since 1970; null for texts that Arrow cannot read and that are not in this project's form."""
    try:
        return texts.cast(_INSTANT).view(pa.int64())
    except pa.ArrowInvalid:
        ours = pc.match_substring_regex(texts, _OURS)
        return pc.if_else(ours, texts, None).cast(_INSTANT).view(pa.int64())


def packed(pieces: Sequence[bytes], type_: pa.DataType) -> pa.Array:
    """Return an array of fixed-width values from the bytes of each."""
    return pa.Array.from_buffers(type_, len(pieces), [None, pa.py_buffer(b"".join(pieces))])
