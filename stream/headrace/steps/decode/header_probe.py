"""Find the header of a refused payload: its contract states none, and it is a datum behind one.

Only refused payloads are looked at, by the same decoder as all others.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, NamedTuple

from headrace.schemas.columns import Columns
from headrace.schemas.errors import UndecodableError
from headrace.schemas.headers import FIRST_BYTES, HEADERS, Header, two_readings
from headrace.schemas.message_rules.encoding import Encoding
from headrace.schemas.message_rules.encoding_words import around, encoding_of, setting
from headrace.schemas.model import Record
from headrace.schemas.notation import Notation
from headrace.steps.decode.opened_messages import behind

_STATED: Final = Encoding(is_stated=True)


class _Variant(NamedTuple):
    writer: Record  # its id() is a key, so it must live as long as this object
    behind: Record


class HeaderProbe:
    """Reader of payloads behind headers; *columns* makes the columns in which it tries, when it first needs them.

    Settings are named in *notation*.
    """

    def __init__(self, columns: Callable[[], Columns], notation: Notation) -> None:
        self._make_columns, self._notation = columns, notation
        self._columns: Columns | None = None
        self._variants: dict[tuple[int, int], _Variant] = {}

    def hint(self, writer: Record, data: bytes, error: UndecodableError, is_native: bool) -> str:
        """Return what to do about the header of *data*, which *writer* refuses without one; empty if none fits."""
        header = self._header(writer, data)
        if header is None or error.why == two_readings(header.length).why:
            return ""
        encoding = encoding_of(header)
        remedy = (
            "send the datum alone, because nothing is around it in Headrace's own envelope"
            if is_native
            else f"write {self._notation.words(setting(encoding))}, where it is meant"
        )
        return f"; it is {around(encoding)}: {remedy}"

    def _header(self, writer: Record, data: bytes) -> Header | None:
        if writer.header or not data or data[0] not in FIRST_BYTES:
            return None
        fitting = (each for each in HEADERS if data.startswith(each.magic) and len(data) > each.length)
        return next((each for each in fitting if self._reads(writer, each, data)), None)

    def _reads(self, writer: Record, header: Header, data: bytes) -> bool:
        if self._columns is None:
            self._columns = self._make_columns()
        key = (id(writer), header.length)
        variant = self._variants.get(key)
        if variant is None:
            variant = self._variants[key] = _Variant(writer, behind(writer, header.length, _STATED))
        try:
            return not self._columns.read([variant.behind], [data])
        finally:
            self._columns.finish()
