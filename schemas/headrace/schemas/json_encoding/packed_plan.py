"""Plan of a record as tables for the compiled module; ``native/json/plan.h`` describes the same tables."""

from __future__ import annotations

import struct
from array import array
from collections.abc import Iterable
from typing import Final, NamedTuple

from headrace.schemas.json_encoding.forms import bits
from headrace.schemas.json_encoding.plan import NO_SIZE, Code, Node
from headrace.schemas.model import Decimal
from headrace.schemas.scalars import longest_decimal

_NODE: Final = struct.Struct("=3iI14i2q")
_NONE: Final = -1


class Place(NamedTuple):
    """A node, and the path of its value, with None for an index."""

    node: Node
    path: tuple[str | None, ...]


class PackedPlan(NamedTuple):
    """Tables for the compiled module, and the place of each node."""

    nodes: bytes
    spans: bytes
    texts: bytes
    names: bytes
    places: tuple[Place, ...]


def pack_plan(root: Node) -> PackedPlan:
    """Return the tables of a plan."""
    packer = _Packer()
    packer.add(root, ())
    return PackedPlan(
        b"".join(packer.nodes),
        packer.spans.tobytes(),
        bytes(packer.texts),
        packer.names.tobytes(),
        tuple(packer.places),
    )


class _Packer:
    def __init__(self) -> None:
        self.nodes: list[bytes] = []
        self.places: list[Place] = []
        self.spans, self.names, self.texts = array("i"), array("i"), bytearray()

    def add(self, node: Node, path: tuple[str | None, ...]) -> int:
        """Add a node and all below it; returns its index."""
        here = len(self.nodes)
        self.nodes.append(b"")
        self.places.append(Place(node, path))
        children = [self.add(child, self._path(node, child, path)) for child in node.children]
        first, count = self._names_of(node, children)
        self.nodes[here] = _NODE.pack(
            node.code,
            node.optional,
            len(self.nodes),
            bits(node.forms),
            self._text(node.name.encode()),
            self._text(None if node.tag is None else node.tag.encode()),
            self._text(None if node.logical_tag is None else node.logical_tag.encode()),
            self._text(node.absent),
            self._text(node.null),
            first,
            count,
            node.power,
            node.digits,
            node.part,
            node.precision,
            node.size,
            node.ignore,
            node.null_place,
            node.low,
            node.high,
        )
        return here

    def _path(self, node: Node, child: Node, path: tuple[str | None, ...]) -> tuple[str | None, ...]:
        if node.code is Code.ARRAY:
            return (*path, None)
        return (*path, None, child.name) if node.code is Code.MAP else (*path, child.name)

    def _names_of(self, node: Node, children: list[int]) -> tuple[int, int]:
        if node.code is Code.RECORD:
            return self._names(zip((child.name for child in node.children), children, strict=True))
        if node.code is Code.UNION:
            return self._names((tag, children[place]) for tag, place in node.branches)
        if node.code is Code.ENUM:
            return self._names((symbol, index) for index, symbol in enumerate(node.symbols))
        longest = node.code is Code.DECIMAL and node.size == NO_SIZE
        return 0, longest_decimal(Decimal(node.precision, node.power)) if longest else 0

    def _names(self, named: Iterable[tuple[str, int]]) -> tuple[int, int]:
        ordered = sorted((name.encode(), value) for name, value in named)
        first = len(self.names) // 2
        for name, value in ordered:
            self.names.extend((self._text(name), value))
        return first, len(ordered)

    def _text(self, text: bytes | None) -> int:
        if text is None:
            return _NONE
        self.spans.extend((len(self.texts), len(text)))
        self.texts += text
        return len(self.spans) // 2 - 1
