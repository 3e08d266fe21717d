"""Columns in Python: lists of what Arrow takes."""

from __future__ import annotations

from typing import Any, Final

from schemas.layout import Column, Layout

_ZEROS: Final[dict[Layout, Any]] = {
    Layout.BITS: False,
    Layout.INT32: 0,
    Layout.INT64: 0,
    Layout.FLOAT32: 0.0,
    Layout.FLOAT64: 0.0,
    Layout.VARIABLE: b"",
    Layout.DECIMAL128: bytes(16),
    Layout.DECIMAL256: bytes(32),
}


class PlainColumn:
    """One column and those below it.

    *values* are the values of a leaf (None is null; decimals as their unscaled number's bytes, the lowest first), the
    offsets of a list, or whether each value of a nullable struct is one.
    """

    def __init__(self, column: Column) -> None:
        self.layout, self.nullable = column.layout, column.nullable
        self.children = [PlainColumn(child) for child in column.children]
        self.values: list[Any] = [0] if column.layout is Layout.LIST else []

    @property
    def zero(self) -> Any:
        """What stands for nothing where null may not."""
        return _ZEROS[self.layout]

    def cut(self, length: int) -> None:
        """Forget all values from *length* on."""
        if self.layout is Layout.LIST:
            del self.values[length + 1 :]
            self.children[0].cut(self.values[-1])
            return
        del self.values[length:]
        for child in self.children:
            child.cut(length)

    def take(self) -> PlainColumn:
        """Give the values away, and begin anew."""
        taken = object.__new__(PlainColumn)
        taken.layout, taken.nullable = self.layout, self.nullable
        taken.values = self.values[:]
        del self.values[1 if self.layout is Layout.LIST else 0 :]
        taken.children = [child.take() for child in self.children]
        return taken
