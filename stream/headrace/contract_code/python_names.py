"""Names of classes and of their fields: those of the contract, where Python and the module allow them."""

from __future__ import annotations

import keyword
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from typing import Final

from headrace.schemas.model import Field
from headrace.schemas.plain import BRANCH_NAME

SUBJECT: Final = "SUBJECT"
# What the modules import, and the built-in types that they name: a field of such a name would hide it in its class.
_IMPORTED: Final = frozenset(
    {"dt", "Mapping", "dataclass", "field", "Decimal", "ClassVar", "Final", "Literal", "TypeAlias", "UUID"}
)
_BUILT_IN: Final = frozenset({"bool", "bytes", "dict", "float", "int", "list", "str"})
_TAKEN: Final = _BUILT_IN | _IMPORTED | {SUBJECT, BRANCH_NAME, "annotations"}
_OTHER: Final = re.compile(r"[^A-Za-z0-9_]+")
_LONGEST: Final = 200  # characters of a name of Avro in one of Python


def class_names(full_names: Sequence[str]) -> dict[str, str]:
    """Return the name of the class of each type, by the full name of the type.

    It is made of the type's name, and of its full name if another type has the same name.

    >>> class_names(["shop.Item", "stock.Item", "shop.order_line"])
    {'shop.Item': 'ShopItem', 'stock.Item': 'StockItem', 'shop.order_line': 'OrderLine'}
    """
    short = {each: _class_name(each.rpartition(".")[2]) for each in full_names}
    count = Counter(short.values())
    taken: set[str] = set(_TAKEN)
    found = {}
    for each in full_names:
        name = short[each] if count[short[each]] == 1 else _class_name(each)
        found[each] = _free(name, taken)
    return found


def field_names(fields: Sequence[Field], classes: frozenset[str]) -> list[str]:
    """Return the attribute of each field of one record, in a module with the names *classes*.

    A name that Python or the module has for something else gets ``_`` at its end, and one that is no name of Python is
    that of its column.
    """
    taken = {*_TAKEN, *classes}
    found = {field.name: _free(_attribute(field), taken) for field in _plain_first(fields)}
    return [found[field.name] for field in fields]


def module_name(subject: str) -> str:
    """Return the name of the module of a subject."""
    return f"{subject}_" if keyword.iskeyword(subject) else subject


def _class_name(name: str) -> str:
    parts = _OTHER.sub("_", name).split("_")
    made = "".join(f"{part[:1].upper()}{part[1:]}" for part in parts)[:_LONGEST]
    return made if made[:1].isalpha() else f"C{made}"


def _attribute(field: Field) -> str:
    """Return a name that Python does not change: a class changes those that begin with two underscores."""
    name = field.name if _is_plain(field.name) else _OTHER.sub("_", field.column)
    return f"field{name}" if name.startswith("__") else name


def _is_plain(name: str) -> bool:
    return name.isascii() and name.isidentifier() and len(name) <= _LONGEST


def _plain_first(fields: Sequence[Field]) -> Iterator[Field]:
    """Yield the fields whose names stay first, so that no made name takes one of theirs."""
    yield from sorted(fields, key=lambda field: not _is_plain(field.name))


def _free(name: str, taken: set[str]) -> str:
    while name in taken or keyword.iskeyword(name):
        name += "_"
    taken.add(name)
    return name
