"""Events as callers get them wrong: values of other types, extremes, lying subclasses, containers in themselves."""

from __future__ import annotations

import collections
import decimal
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, date, datetime, time, timedelta, timezone, tzinfo
from decimal import Decimal
from random import Random
from types import MappingProxyType
from typing import Any
from uuid import UUID
from zoneinfo import ZoneInfo

from headrace.schemas.encode import encode
from headrace.schemas.errors import InvalidEventError
from headrace.schemas.model import Array, Map, Optional, Record, Recursive, Type, Union
from headrace.schemas.registry import Contract
from headrace.schemas.validate import validate
from tests.support.builders import MOMENT
from tests.support.callers import Answers, Id, Items, Text, in_disguise, of_class, raising
from tests.support.covering_events import covering_events


class Zone(tzinfo):
    """A zone of a caller, which raises."""

    def utcoffset(self, _: datetime | None) -> timedelta:
        raise ValueError("no offset")

    def dst(self, _: datetime | None) -> timedelta:
        raise ValueError("no offset")

    def tzname(self, _: datetime | None) -> str:
        raise ValueError("no name")


class EqualKey(str):
    """A name that says it is every other one."""

    def __hash__(self) -> int:
        return hash("f0")

    def __eq__(self, other: object) -> bool:
        return True


@dataclass
class Thing:
    """A caller's own class."""

    f0: Any = 1
    at: Any = MOMENT


Point = collections.namedtuple("Point", "f0 f1")


def _uuid_of(number: Any) -> UUID:
    made = UUID(int=1)
    object.__setattr__(made, "int", number)
    return made


def _within_itself() -> Iterator[Any]:
    items: list[Any] = []
    items.append(items)
    fields: dict[str, Any] = {}
    fields["f0"] = fields["next"] = fields["at"] = fields
    yield from (items, fields, (items, fields))


def _shared(levels: int) -> Any:
    value: Any = []
    for _ in range(levels):
        value = [value, value]
    return value


def _nested(levels: int, kind: Callable[[Any], Any]) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = kind(value)
    return value


_HALF = timezone(timedelta(hours=-23, minutes=-59, seconds=-59, microseconds=-999_999))
SIMPLE: list[Any] = [
    *(
        None,
        True,
        False,
        0,
        -1,
        1,
        127,
        2**31,
        2**31 - 1,
        -(2**31) - 1,
        2**63,
        2**63 - 1,
        -(2**63),
        -(2**63) - 1,
        2**200,
    ),
    *(
        0.0,
        -0.0,
        1.5,
        float("nan"),
        float("inf"),
        -float("inf"),
        1e39,
        3.4028235677973366e38,
        3.4028234663852886e38,
        1e-46,
    ),
    *(
        "",
        "x",
        "S0",
        "\ud800",
        "a\udfff",
        "\0",
        "é",
        "\U0001f6eb",
        "x" * 70,
        "x" * 10_000,
        "{}",
        '{"a":1,"a":2}',
        "[NaN]",
    ),
    *(
        "6ba7b810-9dad-11d1-80b4-00c04fd430c8",
        "6BA7B810-9DAD-11D1-80B4-00C04FD430C8",
        "6ba7b8109dad11d180b400c04fd430c8",
    ),
    *("6ba7b810-9dad-11d1-80b4-00c04fd430cé", "6ba7b810-9dad-11d1-80b4-00c04fd430c8\n", "null", "string", "int"),
    *(b"", b"\0" * 8, b"x" * 16, b"x" * 70, bytearray(b"x"), memoryview(b"x")),
    *(
        date(1, 1, 1),
        date.max,
        date(1969, 12, 31),
        time.min,
        time.max,
        time(1, 2, 3, 4000, fold=1),
        time(1, tzinfo=UTC),
    ),
    *(MOMENT, MOMENT.replace(microsecond=1), datetime.min, datetime.max, datetime(2026, 3, 29, 2, 30, fold=1)),
    *(datetime.min.replace(tzinfo=UTC), datetime.max.replace(tzinfo=UTC), datetime.max.replace(tzinfo=_HALF)),
    *(datetime.min.replace(tzinfo=timezone.max), MOMENT.replace(tzinfo=ZoneInfo("Europe/Berlin"))),
    *(MOMENT.astimezone(timezone(timedelta(hours=5, minutes=30))), MOMENT.replace(tzinfo=Zone())),
    *map(Decimal, ("NaN", "sNaN", "-sNaN123", "Infinity", "-0", "0E+999999", "0E-999999", "1E+999999", "1E-999999")),
    *map(Decimal, ("1", "-1.28", "1.0", "12.50", "-0.128", "1E+3", "0.001", "1." + "0" * 300, "9" * 38, "9" * 76)),
    *(Decimal(10) ** 76, Decimal("9" * 200), Decimal(-(2**127)).scaleb(-9, decimal.Context(prec=80))),
    *(UUID(int=0), UUID(int=2**128 - 1), _uuid_of(-1), _uuid_of(2**128), _uuid_of("1"), Id(int=7)),
    *(
        [],
        {},
        (),
        [None],
        [[]],
        {"": None},
        {1: 2},
        {"f0": 1},
        {"int": 1},
        {"string": "s"},
        {"null": None},
        set(),
        object(),
    ),
    *(range(3), iter([1]), collections.deque([1]), Point(1, 2), Thing(), Thing, Exception("x"), 1j),
    *(collections.OrderedDict(f0=1), collections.defaultdict(int), MappingProxyType({"f0": 1}), collections.ChainMap()),
    *_within_itself(),
    _shared(30),
    _nested(50, lambda value: [value]),
    _nested(50, lambda value: {"f0": value}),
    _nested(5000, lambda value: (value,)),
    [0] * 100_001,
    ["x" * 1_000_000] * 1000,
]
_PLAIN = frozenset(
    {type(None), bool, int, float, str, bytes, date, time, datetime, Decimal, UUID, dict, list}
)  # others may raise whatever is asked of them
_RAISING = [
    lambda: of_class(raising(str), "x"),
    lambda: of_class(raising(dict), {"f0": 1}),
    lambda: of_class(raising(list), [1]),
    lambda: of_class(raising(datetime), MOMENT),
    lambda: of_class(raising(Decimal), Decimal("1")),
]


def hostile_event(random: Random, contract: Contract) -> Any:
    """An event of *contract* with a few wrong values; one state of *random* gives one event."""
    good = as_callers_give_it(contract.record, random.choice(covering_events(contract.record)))
    own: dict[int, Any] = {}
    event: Any = _copied(random, good, own)
    for _ in range(random.choice([0, 1, 1, 2, 3])):
        event = _changed(random, event, own)
    return event


def as_callers_give_it(type_: Type, value: Any) -> Any:
    """A covering value without the fields that have no column, which a caller cannot give."""
    match type_:
        case Optional(item):
            return None if value is None else as_callers_give_it(item, value)
        case Union(branches):
            types = {each.name: each.type for each in branches}
            return value and {name: as_callers_give_it(types[name], inside) for name, inside in value.items()}
        case Array(items):
            return [as_callers_give_it(items, each) for each in value]
        case Map(values):
            return {key: as_callers_give_it(values, each) for key, each in value.items()}
        case Recursive():
            return as_callers_give_it(type_.record, value)
        case Record(fields=fields):
            return {each.name: as_callers_give_it(each.type, value[each.name]) for each in fields}
        case _:
            return value


def _copied(random: Random, value: Any, own: dict[int, Any]) -> Any:
    """A copy whose dicts have their keys in any order, or as new objects; *own* gets its containers by their ids."""
    match value:
        case dict():
            entries = [*value.items()]
            if random.random() < 0.2:
                random.shuffle(entries)
            new = random.random() < 0.5
            copy: Any = {_text(key, new): _copied(random, each, own) for key, each in entries}
        case list():
            copy = [_copied(random, each, own) for each in value]
        case _:
            return value
    own[id(copy)] = copy
    return copy


def _text(key: str, is_new: bool) -> str:
    return str(key.encode(), "utf-8") if is_new else key


def _changed(random: Random, value: Any, own: dict[int, Any]) -> Any:
    """*value* with something else in one place; only containers of the event itself are changed."""
    if id(value) in own and value and random.random() < 0.8:
        place = random.choice([*value] if type(value) is dict else range(len(value)))
        value[place] = _changed(random, value[place], own)
        return value
    if type(value) not in _PLAIN or (type(value) in (dict, list) and id(value) not in own):
        return _simple(random, value)
    return random.choice(_CHANGES)(random, value)


def _simple(random: Random, _: Any) -> Any:
    return random.choice(SIMPLE)


def _in_disguise(_: Random, value: Any) -> Any:
    """The value as an instance of a subclass; what is in it stays as it is."""
    match value:
        case dict():
            return Answers({Text(name) if type(name) is str else name: each for name, each in value.items()})
        case list():
            return Items(value)
        case UUID():
            return Id(int=7)
        case _:
            return in_disguise(value)


def _reshaped(random: Random, value: Any) -> Any:
    match value:
        case dict():
            return random.choice([_without, _with_more, _with_text_keys, _with_equal_key])(random, dict(value))
        case list():
            items = [each for each in value if type(each) not in (dict, list, bytearray)]
            return random.choice(_CONTAINERS)(items)
        case _:
            return [value]


_CONTAINERS: list[Callable[[list[Any]], Any]] = [
    tuple,
    iter,
    collections.deque,
    lambda each: {len(each)},
    lambda each: [*each, object()],
]


def _without(random: Random, value: dict[Any, Any]) -> Any:
    if value:
        del value[random.choice([*value])]
    return value


def _with_more(random: Random, value: dict[Any, Any]) -> Any:
    value[random.choice(["unknown", "", 7, None, b"f0", "\ud800"])] = 1
    return value


def _with_text_keys(_: Random, value: dict[Any, Any]) -> Any:
    return {Text(key) if type(key) is str else key: each for key, each in value.items()}


def _with_equal_key(_: Random, value: dict[Any, Any]) -> Any:
    return {EqualKey("other"): 1, **value}


def _raised(random: Random, _: Any) -> Any:
    return random.choice(_RAISING)()


_CHANGES: list[Callable[[Random, Any], Any]] = [_simple, _simple, _simple, _simple, _in_disguise, _reshaped, _raised]


def in_python(contract: Contract, event: Any) -> tuple[bytes, dict[str, Any]] | str:
    """The datum and the values by pure Python, or the text of the error."""
    try:
        values = validate(contract.record, event)
        return encode(contract, values), values
    except InvalidEventError as error:
        return str(error)


def difference(known: Any, expected: tuple[bytes, dict[str, Any]] | str) -> str:
    """How the compiled module's answer differs from that of pure Python; empty if both say the same."""
    if known is None:
        return ""
    if isinstance(expected, str):
        return f"compiled: {known.datum!r}, refused by Python: {expected}"[:1000]
    datum, values = expected
    if datum != known.datum:
        return f"compiled: {known.datum!r}, Python: {datum!r}"[:1000]
    kept = {name: each for name, each in values.items() if name in known.values}
    return "" if repr(kept) == repr(known.values) else f"values: {known.values!r} and {kept!r}"[:1000]
