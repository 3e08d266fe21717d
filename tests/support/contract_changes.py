"""Changes of contracts, each with the rules that it breaks: what ``headrace contracts check`` must say of it.

A change is told by what it does to the readers of events in each direction, to anyone (``always``), and to the columns
of the table. ``blind`` names the directions in which the checker of Apache Avro wrongly finds no fault, ``strict``
those in which it finds a fault that Headrace's own reader does not have. ``cautious`` names the directions in which
Headrace refuses the change, although it misreads no event.
"""

from __future__ import annotations

from typing import Any, Final, NamedTuple

from headrace.schemas.compatibility.rules import Rule
from tests.support.builders import a_decimal, a_record

BOTH: Final = "backward forward"


class Change(NamedTuple):
    """One change of the fields *old* to *new*, and the rules that it breaks, by their readers."""

    name: str
    old: list[Any]
    new: list[Any]
    backward: frozenset[Rule]
    forward: frozenset[Rule]
    always: frozenset[Rule]
    column: frozenset[Rule]
    blind: frozenset[str]
    strict: frozenset[str]
    cautious: frozenset[str]

    @property
    def is_own(self) -> bool:
        """Whether the change is between types that only Headrace tells apart."""
        return "JSON" in self.name.split()


def fields(
    name: str,
    old: list[Any],
    new: list[Any],
    backward: str = "",
    forward: str = "",
    always: str = "",
    column: str = "",
    blind: str = "",
    strict: str = "",
    cautious: str = "",
) -> Change:
    """A change of several fields."""
    rules = [frozenset(map(Rule, each.split())) for each in (backward, forward, always, column)]
    return Change(name, old, new, *rules, *(frozenset(each.split()) for each in (blind, strict, cautious)))


def one(name: str, old: Any, new: Any, backward: str = "", forward: str = "", **more: str) -> Change:
    """A change of the type of one field."""
    return fields(name, [("f", old)], [("f", new)], backward, forward, **more)


def both(name: str, old: Any, new: Any, rule: str, column: bool = False, **more: str) -> Change:
    """A change of a type that breaks one rule in both directions; *column* is whether BigQuery refuses it too."""
    return one(name, old, new, rule, rule, column=BQ if column else "", **more)


def logical(base: str, name: str) -> dict[str, Any]:
    return {"type": base, "logicalType": name}


def enum(*symbols: str, **more: str) -> dict[str, Any]:
    return {"type": "enum", "name": "E", "symbols": list(symbols), **more}


def fixed(size: int, name: str = "F") -> dict[str, Any]:
    return {"type": "fixed", "name": name, "size": size}


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def map_of(values: Any) -> dict[str, Any]:
    return {"type": "map", "values": values}


def optional(type_: Any) -> list[Any]:
    return ["null", type_]


def default(value: Any, **more: Any) -> dict[str, Any]:
    return {"default": value, **more}


def decimal_fixed(size: int) -> dict[str, Any]:
    return {"type": "fixed", "name": "D", "size": size, "logicalType": "decimal", "precision": 10, "scale": 2}


def home(*inner: Any, name: str = "Home") -> dict[str, Any]:
    return a_record(name, ("n", "int"), *inner)


def tree(*inner: Any) -> dict[str, Any]:
    return a_record("Tree", ("child", ["null", "Tree"], default(None)), *inner)


TYPE, ADDED, REMOVED, BQ = "TYPE_CHANGED", "FIELD_ADDED_WITHOUT_DEFAULT", "FIELD_REMOVED", "BIGQUERY_TYPE_CHANGED"
DECIMAL, UNIT = "DECIMAL_CHANGED", "TIMESTAMP_UNIT_CHANGED"
UUID, DATE = logical("string", "uuid"), logical("int", "date")
JSON = {"type": "string", "sqlType": "JSON"}
TIME_MS, TIME_US = logical("int", "time-millis"), logical("long", "time-micros")
TS_MS, TS_US = logical("long", "timestamp-millis"), logical("long", "timestamp-micros")
LOCAL_MS, LOCAL_US = logical("long", "local-timestamp-millis"), logical("long", "local-timestamp-micros")
D10_2 = a_decimal(10, 2)

SCALARS: Final = [
    one("the same type", "int", "int"),
    one("int to long", "int", "long", "", TYPE),
    one("int to float", "int", "float", "", TYPE, column=BQ),
    one("int to double", "int", "double", "", TYPE, column=BQ),
    one("long to float", "long", "float", "", TYPE, column=BQ),
    one("long to double", "long", "double", "", TYPE, column=BQ),
    one("float to double", "float", "double", "", TYPE),
    one("long to int", "long", "int", TYPE),
    one("float to int", "float", "int", TYPE, column=BQ),
    one("double to float", "double", "float", TYPE),
    one("double to long", "double", "long", TYPE, column=BQ),
    both("int to string", "int", "string", TYPE, column=True),
    both("string to long", "string", "long", TYPE, column=True),
    both("string to double", "string", "double", TYPE, column=True),
    both("string to bytes", "string", "bytes", TYPE, column=True, blind=BOTH),
    both("bytes to string", "bytes", "string", TYPE, column=True, blind=BOTH),
    both("boolean to int", "boolean", "int", TYPE, column=True),
    both("int to boolean", "int", "boolean", TYPE, column=True),
    both("boolean to string", "boolean", "string", TYPE, column=True),
]
LOGICAL: Final = [
    both("string to uuid", "string", UUID, TYPE, blind=BOTH),
    both("uuid to string", UUID, "string", TYPE, blind=BOTH),
    both("string to JSON", "string", JSON, TYPE, column=True, blind=BOTH),
    both("JSON to string", JSON, "string", TYPE, column=True, blind=BOTH),
    both("int to date", "int", DATE, TYPE, column=True, blind=BOTH),
    both("date to int", DATE, "int", TYPE, column=True, blind=BOTH),
    both("int to time of milliseconds", "int", TIME_MS, TYPE, column=True, blind=BOTH),
    both("long to timestamp", "long", TS_US, TYPE, column=True, blind=BOTH),
    both("timestamp to long", TS_US, "long", TYPE, column=True, blind=BOTH),
    both("timestamp of milliseconds to long", TS_MS, "long", TYPE, column=True, blind=BOTH),
    both("timestamp to a finer unit", TS_MS, TS_US, UNIT, blind=BOTH),
    both("timestamp to a coarser unit", TS_US, TS_MS, UNIT, blind=BOTH),
    both("local timestamp to a finer unit", LOCAL_MS, LOCAL_US, UNIT, blind=BOTH),
    both("local timestamp to a coarser unit", LOCAL_US, LOCAL_MS, UNIT, blind=BOTH),
    both("time to a finer unit", TIME_MS, TIME_US, UNIT, blind="backward"),
    both("time to a coarser unit", TIME_US, TIME_MS, UNIT, blind="forward"),
    both("timestamp to local timestamp", TS_US, LOCAL_US, TYPE, column=True, blind=BOTH),
    both("local timestamp to timestamp", LOCAL_MS, TS_MS, TYPE, column=True, blind=BOTH),
    both("timestamp to time", TS_US, TIME_US, TYPE, column=True, blind=BOTH),
    both("date to timestamp", DATE, TS_MS, TYPE, column=True, blind="backward"),
    both("timestamp to date", TS_MS, DATE, TYPE, column=True, blind="forward"),
    both("timestamp to text", TS_US, "string", TYPE, column=True),
]
DECIMALS: Final = [
    one("the same decimal", D10_2, D10_2),
    both("more digits after the point", D10_2, a_decimal(12, 4), DECIMAL, blind=BOTH),
    both("the point moves", D10_2, a_decimal(10, 4), DECIMAL, column=True, blind=BOTH),
    both("fewer digits after the point", a_decimal(10, 4), D10_2, DECIMAL, column=True, blind=BOTH),
    both("more digits before the point", D10_2, a_decimal(12, 2), DECIMAL, blind=BOTH, cautious="backward"),
    both(
        "fewer digits before the point", a_decimal(12, 2), D10_2, DECIMAL, column=True, blind=BOTH, cautious="forward"
    ),
    both("NUMERIC to BIGNUMERIC", a_decimal(38, 9), a_decimal(38, 10), DECIMAL, column=True, blind=BOTH),
    both("decimal to bytes", D10_2, "bytes", TYPE, column=True, blind=BOTH),
    both("bytes to decimal", "bytes", D10_2, TYPE, column=True, blind=BOTH),
    both("decimal to double", D10_2, "double", TYPE, column=True),
    both("decimal to text", D10_2, "string", TYPE, column=True, blind=BOTH),
    one("decimal to a longer fixed", decimal_fixed(5), decimal_fixed(8), "", TYPE, strict="backward"),
    one("decimal of bytes to a fixed", D10_2, decimal_fixed(8), "", TYPE, strict="backward"),
]
FIXED_AND_ENUMS: Final = [
    both("a longer fixed", fixed(4), fixed(8), TYPE),
    both("a shorter fixed", fixed(8), fixed(4), TYPE),
    one("a fixed of another name", fixed(4), fixed(4, "G"), strict=BOTH),
    both("fixed to bytes", fixed(4), "bytes", TYPE),
    both("bytes to fixed", "bytes", fixed(4), TYPE),
    both("enum to string", enum("A", "B"), "string", TYPE),
    both("string to enum", "string", enum("A", "B"), TYPE),
    one("symbol added", enum("A"), enum("A", "B"), "", "ENUM_SYMBOL_ADDED"),
    one("symbol added beside a default", enum("A", default="A"), enum("A", "B", default="A")),
    one("symbol and default added", enum("A"), enum("A", "B", default="A"), "", "ENUM_SYMBOL_ADDED"),
    one("symbol removed", enum("A", "B"), enum("A"), "ENUM_SYMBOL_REMOVED"),
    one("symbol removed beside a new default", enum("A", "B"), enum("A", default="A")),
    one("symbol removed with the default", enum("A", "B", default="A"), enum("A"), "ENUM_SYMBOL_REMOVED"),
    one("symbol renamed", enum("A", "B"), enum("A", "C"), "ENUM_SYMBOL_REMOVED", "ENUM_SYMBOL_ADDED"),
    one("symbol renamed beside defaults", enum("A", "B", default="A"), enum("A", "C", default="A")),
    one("symbols in another order", enum("A", "B", "C"), enum("C", "A", "B")),
    one("default of an enum removed", enum("A", "B", default="A"), enum("A", "B")),
    one("default of an enum changed", enum("A", "B", default="A"), enum("A", "B", default="B")),
    one("an optional enum", optional(enum("A", "B")), optional(enum("A")), "ENUM_SYMBOL_REMOVED"),
    one("a list of enums", array(enum("A")), array(enum("A", "B")), "", "ENUM_SYMBOL_ADDED"),
]
UNIONS: Final = [
    one("a union of the type alone", "string", ["string"]),
    one("null becomes possible", "string", optional("string"), "", TYPE),
    one("null becomes impossible", optional("string"), "string", TYPE),
    one("null comes last", ["null", "string"], ["string", "null"]),
    one("optional int to long", optional("int"), optional("long"), "", TYPE),
    both("optional int to string", optional("int"), optional("string"), TYPE, column=True),
    both("optional timestamp to another unit", optional(TS_MS), optional(TS_US), UNIT, blind=BOTH),
    both("optional decimal", optional(D10_2), optional(a_decimal(12, 2)), DECIMAL, blind=BOTH, cautious="backward"),
    one("type added to an optional one", optional("int"), ["null", "int", "string"], "", TYPE, column=BQ),
    one("types in another order", ["int", "string"], ["string", "int"]),
    one("type added", ["int", "string"], ["int", "string", "boolean"], "", TYPE),
    one("type removed", ["int", "string", "boolean"], ["int", "string"], TYPE),
    one("type exchanged", ["int", "string"], ["int", "boolean"], TYPE, TYPE),
    one("type of a union widened", ["int", "string"], ["long", "string"], "", TYPE),
    one("null removed from a union", ["null", "int", "string"], ["int", "string"], TYPE),
    one("null added to a union", ["int", "string"], ["null", "int", "string"], "", TYPE),
    one("a type becomes a union", "string", ["string", "int"], "", TYPE, column=BQ),
    one("a union becomes a type", ["string", "int"], "string", TYPE, column=BQ),
    both("unit within a union", ["null", "string", TS_MS], ["null", "string", TS_US], UNIT, blind=BOTH),
    both(
        "decimal within a union",
        ["int", D10_2],
        ["int", a_decimal(12, 2)],
        DECIMAL,
        blind=BOTH,
        cautious="backward",
    ),
    one(
        "field added to a record of a union",
        ["null", "string", home()],
        ["null", "string", home(("x", "int"))],
        ADDED,
        always="",
    ),
    one("symbol removed within a union", ["string", enum("A", "B")], ["string", enum("A")], "ENUM_SYMBOL_REMOVED"),
    one("nothing becomes a value", "null", optional("string"), "", TYPE),
]
CONTAINERS: Final = [
    one("items widened", array("int"), array("long"), "", TYPE),
    both("items of another type", array("string"), array("int"), TYPE, column=True),
    one("items may be null", array("string"), array(optional("string")), "", TYPE, column=BQ),
    one("items may no longer be null", array(optional("string")), array("string"), TYPE, column=BQ),
    both("items of another unit", array(TS_MS), array(TS_US), UNIT, blind=BOTH),
    one("values widened", map_of("int"), map_of("long"), "", TYPE),
    both("values of bytes", map_of("string"), map_of("bytes"), TYPE, column=True, blind=BOTH),
    both(
        "values of another decimal", map_of(D10_2), map_of(a_decimal(12, 2)), DECIMAL, blind=BOTH, cautious="backward"
    ),
    one("values may be null", map_of("int"), map_of(optional("int")), "", TYPE),
    both("array to map", array("string"), map_of("string"), TYPE, column=True),
    both("map to array", map_of("string"), array("string"), TYPE, column=True),
    both("a value becomes a list", "string", array("string"), TYPE, column=True),
    both("a list becomes a value", array("string"), "string", TYPE, column=True),
    one("a list may be null", array("string"), optional(array("string")), "", TYPE),
    one("a list may no longer be null", optional(array("string")), array("string"), TYPE),
    one("lists of lists widened", array(array("int")), array(array("long")), "", TYPE),
    one("field with default added to items", array(home()), array(home(("x", "int", default(1))))),
    one("field added to items", array(home()), array(home(("x", "int"))), ADDED),
    one("field removed from items", array(home(("x", "int"))), array(home()), "", REMOVED, always=REMOVED),
    both(
        "decimal within values",
        map_of(home(("x", D10_2))),
        map_of(home(("x", a_decimal(9, 2)))),
        DECIMAL,
        column=True,
        blind=BOTH,
        cautious="forward",
    ),
]
F: Final = ("f", "int")
RECORDS: Final = [
    fields("field with default added", [F], [F, ("g", "int", default(1))]),
    fields("field added", [F], [F, ("g", "int")], ADDED),
    fields("optional field with default added", [F], [F, ("g", optional("int"), default(None))]),
    fields("optional field without default added", [F], [F, ("g", optional("int"))], ADDED),
    fields("list with default added", [F], [F, ("g", array("int"), default([]))]),
    fields("list without default added", [F], [F, ("g", array("int"))], ADDED),
    fields("field removed", [F, ("g", "int")], [F], "", REMOVED, REMOVED),
    fields("field with default removed", [F, ("g", "int", default(1))], [F], always=REMOVED),
    fields("fields in another order", [F, ("g", "string")], [("g", "string"), F]),
    fields("renamed with an alias", [F], [("g", "int", {"aliases": ["f"]})], "", REMOVED),
    fields(
        "renamed with an alias and a default", [("f", "int", default(1))], [("g", "int", default(1, aliases=["f"]))]
    ),
    fields("renamed without an alias", [F], [("g", "int")], ADDED, REMOVED, REMOVED),
    fields("renamed and widened", [F], [("g", "long", {"aliases": ["f"]})], "", REMOVED),
    fields("renamed, of another type", [F], [("g", "string", {"aliases": ["f"]})], TYPE, REMOVED, column=BQ),
    fields("another default", [("f", "int", default(1))], [("f", "int", default(2))], always="DEFAULT_CHANGED"),
    fields("a default added", [F], [("f", "int", default(2))]),
    fields("a default removed", [("f", "int", default(1))], [F]),
    fields(
        "the default of a null first",
        [("f", ["null", "string"], default(None))],
        [("f", ["string", "null"], default(""))],
        always="DEFAULT_CHANGED",
    ),
    fields("a default widened", [("f", "int", default(1))], [("f", "long", default(1))], "", TYPE),
    fields("a doc", [("f", "int", {"doc": "One"})], [("f", "int", {"doc": "Two"})]),
    fields(
        "a name in another case",
        [("Note", "int", default(1))],
        [("note", "int", default(1))],
        always=REMOVED,
        column="COLUMN_CASE_COLLISION",
    ),
    fields("an alias for two fields", [F], [F, ("g", "int", {"aliases": ["f"]})], "CONTRACT_INVALID", blind="backward"),
    fields("a field of nulls added", [F], [F, ("g", "null", default(None))]),
    fields("a field of nulls without default added", [F], [F, ("g", "null")], strict="backward"),
]
NESTED: Final = [
    one("inner field with default added", home(), home(("x", "int", default(1)))),
    one("inner field added", home(), home(("x", "int")), ADDED),
    one("inner field removed", home(("x", "int")), home(), "", REMOVED, always=REMOVED),
    one("inner field with default removed", home(("x", "int", default(1))), home(), always=REMOVED),
    both("inner field of another type", home(("x", "int")), home(("x", "string")), TYPE, column=True),
    both(
        "inner unit, two levels down",
        home(("x", home(("t", TS_MS), name="In"))),
        home(("x", home(("t", TS_US), name="In"))),
        UNIT,
        blind=BOTH,
    ),
    both("inner decimal", home(("x", D10_2)), home(("x", a_decimal(10, 3))), DECIMAL, column=True, blind=BOTH),
    one("inner default", home(("x", "int", default(1))), home(("x", "int", default(2))), always="DEFAULT_CHANGED"),
    one("inner rename with an alias", home(("x", "int")), home(("y", "int", {"aliases": ["x"]})), "", REMOVED),
    one("a record becomes optional", home(), optional(home()), "", TYPE),
    one("a record is no longer optional", optional(home()), home(), TYPE),
    both("record to map", home(), map_of("int"), TYPE, column=True),
    both("record to string", home(), "string", TYPE, column=True),
    both("string to record", "string", home(), TYPE, column=True),
    one("namespace of a record", home(name="a.Home"), home(name="b.Home"), always="NAMESPACE_CHANGED"),
    one("name of a record", home(), home(name="House"), always="NAMESPACE_CHANGED", strict=BOTH),
    fields(
        "a default that only grows with its record",
        [("f", home(), default({"n": 1}))],
        [("f", home(("x", "int", default(2))), default({"n": 1}))],
    ),
    fields(
        "the default of a record",
        [("f", home(), default({"n": 1}))],
        [("f", home(), default({"n": 2}))],
        always="DEFAULT_CHANGED",
    ),
    one(
        "field with default in a record within itself", tree(("n", "int")), tree(("n", "int"), ("x", "int", default(1)))
    ),
    both("type in a record within itself", tree(("n", "int")), tree(("n", "string")), TYPE, column=True),
]
CHANGES: Final = [*SCALARS, *LOGICAL, *DECIMALS, *FIXED_AND_ENUMS, *UNIONS, *CONTAINERS, *RECORDS, *NESTED]
