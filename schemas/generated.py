"""The source of a function that reads a datum into columns in Python: what the compiled module's program does.

It accepts what the strict decoder accepts and nothing else, but does not say why it refuses: it raises one of
:data:`UNUSUAL`, and the strict decoder finds the words. It never looks whether a slice goes beyond the data: the
position only grows, and at the end it must be the length of the data.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, Final

from schemas.containers import FAILURES, begin_block
from schemas.layout import Layout
from schemas.model import MAX_COLUMN_BYTES, MAX_ITEMS, Decimal, Fixed, Kind, Scalar
from schemas.plain import PlainColumn
from schemas.resolve import Fields, Items, Nullable, Resolved, Symbols, Value
from schemas.scalars import BOUNDS, longest_decimal, read_double, read_float
from schemas.varint import Malformed, read_length, read_long

UNUSUAL: Final = (*FAILURES, UnicodeDecodeError)
_FLOATS: Final = frozenset({Kind.FLOAT, Kind.DOUBLE})


def generate(resolved: Fields, column: PlainColumn) -> Any:
    """Compile ``read(data)``, which appends one datum of *resolved* to the fields of *column*, or raises UNUSUAL."""
    source = _Source()
    with source.function("read", "d"):
        source.line("global room")
        source.line(f"room, p = {MAX_COLUMN_BYTES}, 0")
        source.fields(resolved, column)
        source.line("if p != len(d): raise IndexError")
    code = compile("\n".join(source.text), "<columns>", "exec")
    exec(code, source.names)  # noqa: S102 as namedtuple does: every word of it is ours, names of contracts are not in it
    return source.names["read"]


class _Source:
    def __init__(self) -> None:
        self.text: list[str] = []
        self.names: dict[str, Any] = {
            "begin_block": begin_block,
            "read_long": read_long,
            "read_length": read_length,
            "read_float": read_float,
            "read_double": read_double,
            "HEX": b"0123456789abcdefABCDEF",
            "number": int.from_bytes,
            "Malformed": Malformed,
            "room": 0,
        }
        self._lines: list[str] = []
        self._indent = 0

    def line(self, text: str) -> None:
        self._lines.append("    " * self._indent + text)

    @contextmanager
    def function(self, name: str, arguments: str) -> Iterator[None]:
        """What is written within becomes a function of its own, before the one around it."""
        outer = self._lines, self._indent
        self._lines, self._indent = [], 0
        with self.block(f"def {name}({arguments}):"):
            yield
        self.text += self._lines
        self._lines, self._indent = outer

    @contextmanager
    def block(self, head: str) -> Iterator[None]:
        self.line(head)
        self._indent += 1
        yield
        self._indent -= 1

    def name(self, value: Any) -> str:
        """A name for *value* in the source."""
        name = f"v{len(self.names)}"
        self.names[name] = value
        return name

    def fields(self, fields: Fields, column: PlainColumn | None) -> None:
        """Read the fields of a record."""
        if column and column.nullable:
            self.append(column, "True")
        for step in fields.steps:
            kept = column is not None and step.place >= 0
            self.value(step.value, column.children[step.place] if column is not None and kept else None)
        for place, default in fields.defaults if column else ():
            assert column is not None  # noqa: S101 for the type checker
            child = column.children[place]
            if default is None or default == []:
                self.nothing(child)
            else:
                self.append(child, self.name(default))

    def value(self, value: Resolved, column: PlainColumn | None) -> None:
        match value:
            case Nullable(item, null_first):
                null, some = (0, 2) if null_first else (2, 0)
                with self.block(f"if d[p] == {some}:"):
                    self.line("p += 1")
                    self.value(item, column)
                with self.block(f"elif d[p] == {null}:"):
                    self.line("p += 1")
                    if column:
                        self.nothing(column)
                self.line("else: raise IndexError")
            case Fields():
                self.fields(value, column)
            case Items():
                self.items(value, column)
            case Symbols(symbols):
                self.long()
                self.line(f"if v < 0 or v >= {len(symbols)}: raise IndexError")
                if column:
                    self.append(column, f"{self.name(symbols)}[v]")
            case Value(Scalar(kind), into):
                self.scalar(kind, into, column)
            case Value(Fixed(size)):
                self.line(f"q, p = p, p + {size}")
                if column:
                    self.append(column, "d[q:p]")
            case Value(Decimal() as type_):
                self.decimal(type_, column)

    def items(self, items: Items, column: PlainColumn | None) -> None:
        """Read an array or map, in a function of its own: Python nests no more than twenty loops."""
        name = f"items{len(self.names)}"
        self.names[name] = None
        child = column.children[0] if column else None
        with self.function(name, "d, p"):
            self.line("global room")
            self.line("seen = 0")
            if items.of_map:
                self.line("keys = []")
            with self.block("while True:"):
                self.block_head(items.width)
                with self.block("for _ in range(c):"):
                    self.entry(items, child) if items.of_map else self.value(items.item, child)
                self.line("if e >= 0 and p != e: raise IndexError")
            if items.of_map:
                self.line("if len(set(keys)) != len(keys): raise IndexError")
            if column:
                offsets = self.name(column.values)
                self.line(f"{offsets}.append({offsets}[-1] + seen)")
            self.line("return p")
        self.line(f"p = {name}(d, p)")

    def block_head(self, width: int) -> None:
        self.line("c, e = d[p], -1")
        with self.block("if c & 129:"):
            self.line("c, p, e = begin_block(d, p, seen)")
        with self.block("else:"):
            self.line("c >>= 1; p += 1")
        self.line("if not c: break")
        self.line("seen += c")
        self.line(f"if seen > {MAX_ITEMS}: raise IndexError")
        if width:
            self.line(f"room -= c * {width}")
            self.line("if room < 0: raise IndexError")

    def entry(self, items: Items, column: PlainColumn | None) -> None:
        self.length()
        self.line("s = d[q:p].decode(); keys.append(s)")
        if column:
            self.append(column.children[0], "s")
        self.value(items.item, column.children[1] if column else None)

    def long(self) -> None:
        self.line("b = d[p]")
        self.line("if b < 128: v = (b >> 1) ^ -(b & 1); p += 1")
        self.line("else: v, p = read_long(d, p)")

    def length(self) -> None:
        """Leave the bytes of a value that says its length between *q* and *p*."""
        self.line("b = d[p]")
        self.line("if b & 129: n, q = read_length(d, p)")
        self.line("else: n = b >> 1; q = p + 1")
        self.line("p = q + n")

    def scalar(self, kind: Kind, into: Kind | None, column: PlainColumn | None) -> None:
        value = "v"
        match kind:
            case Kind.BOOLEAN:
                self.line("v = d[p]; p += 1")
                self.line("if v > 1: raise IndexError")
                value = "v == 1"
            case Kind.FLOAT | Kind.DOUBLE:
                self.line(f"v, p = read_{kind}(d, p)")
            case Kind.STRING:
                self.length()
                self.line("v = d[q:p].decode()")
            case Kind.BYTES:
                self.length()
                value = "d[q:p]"
            case Kind.UUID:
                self.length()
                self.line("v = d[q:p]")
                self.line('if n != 36 or v[8:24:5] != b"----" or v.translate(None, HEX) != b"----": raise IndexError')
                value = "v.decode().lower()"
            case _:
                value = self.whole_number(kind, into)
        if column:
            self.append(column, value)

    def whole_number(self, kind: Kind, into: Kind | None) -> str:
        self.long()
        bounds = BOUNDS.get(kind)
        if bounds is None:
            return "float(v)" if into in _FLOATS else "v"
        self.line(f"if not {bounds.low} <= v <= {bounds.high}: raise IndexError")
        return "float(v)" if into in _FLOATS else f"v * {bounds.scale}" if bounds.scale > 1 else "v"

    def decimal(self, type_: Decimal, column: PlainColumn | None) -> None:
        if type_.size is None:
            self.length()
            self.line(f"if not 1 <= n <= {longest_decimal(type_)}: raise IndexError")
        else:
            self.line(f"q, p = p, p + {type_.size}")
        width = 16 if column is None or column.layout is Layout.DECIMAL128 else 32
        plus, minus = (self.name([byte * (width - n) for n in range(width + 1)]) for byte in (b"\0", b"\xff"))
        sure = min((10**type_.precision).bit_length() // 8, width)  # so many bytes hold no number of too many digits
        with self.block(f"if p - q <= {sure}:"):
            self.line(f"v = d[q:p][::-1] + ({plus} if d[q] < 128 else {minus})[p - q]")
        with self.block("else:"):
            self.line('v = number(d[q:p], "big", signed=True)')
            self.line(f"if not {-(10**type_.precision)} < v < {10**type_.precision}: raise IndexError")
            self.line(f'v = v.to_bytes({width}, "little", signed=True)')
        if column:
            self.append(column, "v")

    def append(self, column: PlainColumn, value: str) -> None:
        self.line(f"{self.name(column.values.append)}({value})")

    def nothing(self, column: PlainColumn) -> None:
        """Append what stands for nothing to a column and all below it: null where it may be."""
        if column.layout is Layout.LIST:
            offsets = self.name(column.values)
            self.line(f"{offsets}.append({offsets}[-1])")
        elif column.layout is not Layout.STRUCT:
            self.append(column, "None" if column.nullable else self.name(column.zero))
        else:
            if column.nullable:
                self.append(column, "False")
            for child in column.children:
                self.nothing(child)
