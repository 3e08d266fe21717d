"""The compiled encoder keeps nothing that it was given, and depends on no other call."""

from __future__ import annotations

import gc
import sys
import threading
import tracemalloc
from collections.abc import Callable
from dataclasses import dataclass
from decimal import Decimal
from random import Random
from typing import Any

import pytest

from headrace.schemas.encode_event import encode_event
from headrace.schemas.event_encoding.compiled_encoder import encoder_module
from headrace.schemas.registry import Contract
from tests.support.builders import MOMENT, a_contract, a_decimal, a_record

NEEDS_C = pytest.mark.skipif(encoder_module() is None, reason="no C compiler when headrace was built")
UUID_TEXT = {"type": "string", "logicalType": "uuid"}
JSON = {"type": "string", "sqlType": "JSON"}
NODE = a_record("Node", ("value", "int"), ("left", ["null", "Node"]), ("right", ["null", "Node"]))
LINES = {"type": "array", "items": a_record("Line", ("sku", "string"), ("unit-price", "int", {"default": 1}))}


def compiled(contract: Contract, event: object) -> Any:
    """What the compiled module makes of an event; None if pure Python decides."""
    assert contract.event_encoder is not None
    return contract.event_encoder(event)


@dataclass
class Order:
    lines: Any
    at: Any = MOMENT


LEAF = {"value": 1, "left": None, "right": None}
LEAKS: dict[str, Callable[[], Any]] = {
    "accepted": lambda: {"f": LEAF, "m": {"é": 1}, "u": {"string": "s"}, "at": MOMENT},
    "defaults": lambda: {"f": LEAF, "at": MOMENT},
    "a late field": lambda: {"f": LEAF, "m": {"a": 1}, "u": 1, "at": "never"},
    "a value of a map": lambda: {"f": LEAF, "m": {"a": 1, "b": "x"}, "u": 1, "at": MOMENT},
    "a key of a map": lambda: {"f": LEAF, "m": {"a": 1, 7: 1}, "u": 1, "at": MOMENT},
    "an unknown field": lambda: {"f": LEAF, "other": 1, "at": MOMENT},
    "half a pair": lambda: {"f": LEAF, "m": {"\ud800": 1}, "at": MOMENT},
    "a decimal": lambda: {"f": LEAF, "d": Decimal("1E+99"), "at": MOMENT},
    "a uuid": lambda: {"f": LEAF, "i": "x" * 36, "at": MOMENT},
    "JSON": lambda: {"f": LEAF, "j": "[", "at": MOMENT},
    "too large": lambda: {"f": LEAF, "l": ["x" * 8_000_000] * 3, "at": MOMENT},
    "no dict": lambda: [1],
}  # fmt: skip


@NEEDS_C
@pytest.mark.parametrize("name", LEAKS)
def test_no_reference_and_no_memory_is_left_behind(name: str) -> None:
    contract = a_contract(
        ("f", NODE),
        ("m", {"type": "map", "values": "int"}, {"default": {}}),
        ("u", ["null", "int", "string"], {"default": None}),
        ("d", ["null", a_decimal(9, 2)], {"default": None}),
        ("i", ["null", UUID_TEXT], {"default": None}),
        ("j", ["null", JSON], {"default": None}),
        ("l", {"type": "array", "items": "string"}, {"default": []}),
    )
    event = LEAKS[name]()
    held = [event, *(event.values() if isinstance(event, dict) else event)]
    encode_one = contract.event_encoder
    assert encode_one is not None
    assert (encode_one(event) is not None) == (name in ("accepted", "defaults"))
    rounds = 200 if name == "too large" else 8_000
    gc.collect()
    before = [sys.getrefcount(each) for each in held]
    tracemalloc.start()
    try:
        for _ in range(100):
            encode_one(event)
        start = tracemalloc.get_traced_memory()[0]
        for _ in range(rounds):
            encode_one(event)
        grown = tracemalloc.get_traced_memory()[0] - start
    finally:
        tracemalloc.stop()
    assert [sys.getrefcount(each) for each in held] == before
    assert grown < 2_000


@NEEDS_C
def test_containers_that_other_threads_change_crash_nothing() -> None:
    contract = a_contract(
        ("items", {"type": "array", "items": "string"}), ("map", {"type": "map", "values": JSON}), ("j", JSON)
    )
    items, entries = ["a"] * 50, {str(number): "[1]" for number in range(50)}
    event = {"items": items, "map": entries, "j": "{}", "at": MOMENT}
    stop = threading.Event()

    def change() -> None:
        random = Random(1)
        while not stop.is_set():
            items[:] = [chr(random.randrange(97, 200))] * random.randrange(60)
            entries.pop(str(random.randrange(50)), None)
            entries[str(random.randrange(50))] = random.choice(["[1]", "[", "{}"])

    thread = threading.Thread(target=change)
    interval = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    thread.start()
    try:
        for _ in range(3_000):
            known = compiled(contract, event)
            if known is not None:
                contract.decode(known.datum)
    finally:
        stop.set()
        thread.join()
        sys.setswitchinterval(interval)


@NEEDS_C
def test_calls_within_a_call_have_a_state_of_their_own() -> None:
    contract = a_contract(("lines", LINES))
    inner: list[bytes] = []

    class Nested(Order):
        @property
        def lines(self) -> Any:
            inner.append(encode_event(contract, {"lines": [{"sku": "x" * 5000}], "at": MOMENT}).datum)
            return [{"sku": "outer"}]

        @lines.setter
        def lines(self, _: Any) -> None:
            pass

    outer = compiled(contract, Nested([]))
    assert len(inner) == 1
    assert outer.datum == encode_event(contract, {"lines": [{"sku": "outer", "unit-price": 1}], "at": MOMENT}).datum
