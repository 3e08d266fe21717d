"""Payloads and contracts that hurt other decoders, each run in a limited process of its own.

Time is that of the one thread that reads: under a limit of processor time Linux counts the whole process only in
ticks of 4 ms.

``python -m tests.support.hostile`` prints one JSON object: for every case how its process ended, what came of it, and
what it cost in processor time and memory.
"""

from __future__ import annotations

import gc
import json
import os
import resource
import sys
import time
from collections.abc import Callable
from typing import Any

import psutil

from headrace.schemas.decoder import compile_decoder
from headrace.schemas.errors import ContractError, UndecodableError
from headrace.schemas.registry import Contract
from headrace.steps.decode.fallback import FallbackColumns
from headrace.steps.decode.record_batch import columns_for
from tests.support.builders import TIMESTAMP, a_contract, a_decimal, a_record
from tests.support.slowness import times_as_slow

ADDRESS_SPACE = 600 * 2**20  # bytes, beside those of the libraries
CPU_SECONDS = 5


def array(items: Any) -> dict[str, Any]:
    return {"type": "array", "items": items}


def of(type_: Any) -> Contract:
    """A contract whose first field is of *type_*."""
    return a_contract(("field", type_))


def varint(zigzag: int) -> bytes:
    written = bytearray()
    while zigzag > 0x7F:
        written.append(zigzag & 0x7F | 0x80)
        zigzag >>= 7
    return bytes([*written, zigzag])


def long(number: int) -> bytes:
    return varint(number * 2 if number >= 0 else -number * 2 - 1)


def nested_by_name(levels: int) -> list[Any]:
    """Fields of which each holds the record before it: deep without deep JSON."""
    fields: list[Any] = [("f0", a_record("R0", ("a", "int")))]
    return fields + [(f"f{i}", a_record(f"R{i}", ("a", f"R{i - 1}"))) for i in range(1, levels)]


def doubling(levels: int) -> list[Any]:
    """Fields of which each holds the record before it twice."""
    fields: list[Any] = [("f0", a_record("R0", ("a", "int")))]
    return fields + [(f"f{i}", a_record(f"R{i}", ("a", f"R{i - 1}"), ("b", f"R{i - 1}"))) for i in range(1, levels)]


def deep_types(levels: int) -> Any:
    type_: Any = "int"
    for _ in range(levels):
        type_ = {"type": type_}
    return type_


def deep_records(levels: int) -> Any:
    type_: Any = "int"
    for level in range(levels):
        type_ = a_record(f"R{level}", ("a", type_))
    return type_


def json_of(text: bytes) -> tuple[Contract, bytes]:
    """A JSON text, and its contract."""
    return of({"type": "string", "sqlType": "JSON"}), long(len(text)) + text + AT


NODE = a_record("Node", ("next", ["null", "Node"]))
TREE = a_record("Tree", ("trees", array("Tree")))
ENUM = {"type": "enum", "name": "Suit", "symbols": ["CLUBS", "HEARTS"]}
DECIMAL = a_decimal(38, 9)
AT = long(0)

# Bytes that are not one datum of their contract.
PAYLOADS: dict[str, tuple[Contract, bytes]] = {
    "an array of 2^40 longs in 9 bytes": (of(array("long")), long(2**40) + b"\2\4\6"),
    "an array of 2^62 longs": (of(array("long")), long(2**62)),
    "an array of -2^63 longs": (of(array("long")), long(-(2**63)) + long(1)),
    "an array of more items than allowed": (of(array("boolean")), long(100_001) + bytes(100_001) + b"\0" + AT),
    "an array of more items than allowed, in blocks": (
        of(array("boolean")),
        (long(50_001) + bytes(50_001)) * 2 + b"\0" + AT,
    ),
    "an array of more items than allowed, in small blocks": (
        of(array("boolean")),
        (long(50) + bytes(50)) * 2001 + b"\0" + AT,
    ),
    "a block of more bytes than it holds": (of(array("long")), long(-2) + long(3) + b"\2\4\0" + AT),
    "a block of fewer bytes than it holds": (of(array("long")), long(-2) + long(1) + b"\2\4\0" + AT),
    "a block that ends beyond the data": (of(array("long")), long(-2) + long(2**40) + b"\2\4\0" + AT),
    "a block of a negative size": (of(array("long")), long(-2) + long(-2) + b"\2\4\0" + AT),
    "bytes of length 2^40": (of("bytes"), long(2**40) + b"ab"),
    "bytes of length -1": (of("bytes"), long(-1) + b"abcdef"),
    "a string of length 2^62": (of("string"), long(2**62) + b"ab"),
    "a string of length -1": (of("string"), long(-1) + b"abcdef"),
    "a union index of -1": (of(["null", "string"]), long(-1) + b"\2a" + AT),
    "a union index of 7": (of(["null", "string"]), long(7) + AT),
    "an over-long union index": (of(["null", "string"]), b"\x82\0\2a" + AT),
    "an enum index of -1": (of(ENUM), long(-1) + AT),
    "an enum index of 9": (of(ENUM), long(9) + AT),
    "a boolean of 7": (of("boolean"), b"\7" + AT),
    "a long of 12 bytes": (of("long"), b"\xff" * 11 + b"\1" + AT),
    "a long of 10 bytes beyond 64 bits": (of("long"), b"\xff" * 9 + b"\2" + AT),
    "a long of 200 kB": (of("long"), b"\xff" * 200_000 + b"\1" + AT),
    "a long longer than it needs to be": (of("long"), b"\x82\0" + AT),
    "an int of 2^40": (of("int"), long(2**40) + AT),
    "an int of 2^31": (of("int"), long(2**31) + AT),
    "a map with a repeated key": (of({"type": "map", "values": "int"}), long(2) + b"\2a\2\2a\4\0" + AT),
    "trailing bytes": (of("long"), long(1) + AT + bytes(8)),
    "a decimal of 50 kB": (of(DECIMAL), long(50_000) + b"\x11" * 50_000 + AT),
    "a decimal of 400 kB": (of(DECIMAL), long(400_000) + b"\x11" * 400_000 + AT),
    "a decimal of 1 MB": (of(DECIMAL), long(1_000_000) + b"\x11" * 1_000_000 + AT),
    "a decimal of no bytes": (of(DECIMAL), long(0) + AT),
    "a decimal of 39 digits": (of(DECIMAL), long(17) + (10**38).to_bytes(17, "big") + AT),
    "a fixed decimal of 39 digits": (of(a_decimal(38, 9, 16)), (10**38).to_bytes(16, "big") + AT),
    "timestamp-micros of 2^62": (of(TIMESTAMP), long(2**62) + AT),
    "timestamp-micros of -2^62": (of(TIMESTAMP), long(-(2**62)) + AT),
    "timestamp-millis of the year 10000": (
        of({"type": "long", "logicalType": "timestamp-millis"}),
        long(253_402_300_800_000) + AT,
    ),
    "local-timestamp-micros of 2^62": (of({"type": "long", "logicalType": "local-timestamp-micros"}), long(2**62) + AT),
    "a date of 2^30": (of({"type": "int", "logicalType": "date"}), long(2**30) + AT),
    "a time of 24 hours": (of({"type": "int", "logicalType": "time-millis"}), long(86_400_000) + AT),
    "a negative time": (of({"type": "long", "logicalType": "time-micros"}), long(-1) + AT),
    "a bad UUID": (of({"type": "string", "logicalType": "uuid"}), long(36) + b"g" * 36 + AT),
    "a UUID without hyphens": (of({"type": "string", "logicalType": "uuid"}), long(32) + b"a" * 32 + AT),
    "bad UTF-8": (of("string"), long(2) + b"\xff\xfe" + AT),
    "half a surrogate pair": (of("string"), long(3) + b"\xed\xa0\x80" + AT),
    "a map key of bad UTF-8": (of({"type": "map", "values": "int"}), long(1) + b"\2\xff\2\0" + AT),
    "a fixed cut short": (of({"type": "fixed", "name": "F", "size": 1_000_000}), bytes(10)),
    "more than a payload may have": (of("bytes"), long(17_000_000) + bytes(17_000_000) + AT),
    "nothing": (of("long"), b""),
    "a branch of 2^62": (of(["null", "string", "long"]), long(2**62) + AT),
    "a list of lists of 2^40": (of(array(array("long"))), long(1) + long(2**40) + b"\2"),
    "lists of lists of more nulls than columns may have": (
        of(array(array(["null", a_record("W", *((f"d{i}", ["null", "double"]) for i in range(200)))]))),
        long(2) + (long(10_000) + bytes(10_001)) * 2 + b"\0" + AT,
    ),
    "a list within itself 5,000 deep": (of(NODE), b"\2" * 5_000),
    "a list within itself a million deep": (of(NODE), b"\2" * 1_000_000),
    "a tree within itself a million deep": (of(TREE), b"\2" * 1_000_000),
    "names within itself of more than columns may have": (
        of(a_record("Wide", *((f"{'n' * 100}{i}", ["null", "long"]) for i in range(100)), ("more", array("Wide")))),
        bytes(100) + long(1) + bytes(100) + long(9_000) + bytes(909_000) + b"\0\0" + AT,
    ),
    "JSON a million deep": json_of(b"[" * 1_000_000),
    "JSON of a million quotation marks": json_of(b'"\\"' * 300_000),
    "JSON deep before a million quotation marks": json_of(b"[" * 501 + b'\\"' * 400_000),
    "JSON of a number of a million digits": json_of(b"9" * 1_000_000),
    "JSON of an exponent of a million digits": json_of(b"1e" + b"9" * 1_000_000),
    "JSON of one key 10,000 times": json_of(b"{" + b'"a":1,' * 10_000 + b'"b":1}'),
}

# Contracts of which a small payload costs the reader much, or that no row can hold.
CONTRACTS: dict[str, Callable[[], Contract]] = {
    "a record that contains itself without end": lambda: of(a_record("Node", ("next", "Node"))),
    "a record that contains itself in 2^14 ways": lambda: of(
        a_record("Node", *((each, ["null", "Node"], {"column_levels": 14}) for each in "ab"))
    ),
    "an array of nulls": lambda: of(array("null")),
    "a map of nulls": lambda: of({"type": "map", "values": "null"}),
    "an array of empty records": lambda: of(array(a_record("Empty"))),
    "an array of empty fixed": lambda: of(array({"type": "fixed", "name": "F", "size": 0})),
    "records 17 deep": lambda: of(deep_records(17)),
    "records 200 deep": lambda: of(deep_records(200)),
    "records 20,000 deep by name": lambda: a_contract(*nested_by_name(20_000)),
    "2^14 columns by name": lambda: a_contract(*doubling(14)),
    "2^30 columns by name": lambda: a_contract(*doubling(30)),
    "600 types in types": lambda: of(deep_types(600)),
}


def run(case: Callable[[], object]) -> dict[str, Any]:
    """Run one case in a limited process; how it ended, what came of it, and its cost."""
    reads, writes = os.pipe()
    child = os.fork()
    if child == 0:
        os.close(reads)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        resource.setrlimit(resource.RLIMIT_CPU, (CPU_SECONDS, CPU_SECONDS))
        limit = psutil.Process().memory_info().vms + ADDRESS_SPACE
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
        os.write(writes, json.dumps(measure(case)).encode())
        os._exit(0)
    os.close(writes)
    with os.fdopen(reads, "rb") as pipe:
        report = pipe.read()
    _, status = os.waitpid(child, 0)
    return {"exit": os.waitstatus_to_exitcode(status), **(json.loads(report) if report else {})}


def measure(case: Callable[[], object]) -> dict[str, Any]:
    gc.collect()
    resident = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    began = time.thread_time()
    try:
        case()
        outcome, message = "accepted", ""
    except (UndecodableError, ContractError) as error:
        outcome, message = type(error).__name__, str(error)
    except BaseException as error:
        outcome, message = f"raised {type(error).__name__}", ""
    spent = max(READINGS, default=time.thread_time() - began)
    return {
        "outcome": outcome,
        "message": message,
        "cpu_seconds": spent / times_as_slow(),
        "extra_kib": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - resident,
    }


READINGS: list[float] = []  # processor seconds of each way to read; every case has a process of its own
TIMES = 3  # a neighbour on the machine only ever adds to what a reading costs: the least of so many counts


def refusals(read: Callable[[], object]) -> set[str]:
    """Why *read* refuses, as it says itself, each time; the least that it took is noted."""
    each = [timed(read) for _ in range(TIMES)]
    READINGS.append(min(spent for spent, _ in each))
    return {why for _, why in each}


def timed(read: Callable[[], object]) -> tuple[float, str]:
    began = time.thread_time()
    try:
        outcome = read()
    except UndecodableError as error:
        outcome = error
    return time.thread_time() - began, str(outcome)


def reading(contract: Contract, payload: bytes) -> Callable[[], object]:
    """Read *payload* in every way there is; all must refuse it, in the same words."""
    strict = compile_decoder(contract.record, contract.record)
    columns = [columns_for(contract.record), FallbackColumns(contract.record)]
    for each in columns:
        each.read([contract.record], [b""])  # compiles it
        each.finish()

    def read() -> None:
        ways = [lambda each=each: each.read([contract.record], [payload])[0].error for each in columns]
        outcomes = set[str]().union(*map(refusals, [*ways, lambda: strict(payload)]))
        if len(outcomes) > 1:
            raise AssertionError("refused in other words")
        raise UndecodableError(outcomes.pop())

    return read


# What the harness itself must notice.
PLANTED: dict[str, Callable[[], object]] = {
    "planted: accepted": lambda: None,
    "planted: another error": lambda: [][0],
    "planted: a signal": os.abort,
    "planted: too much memory": lambda: bytearray(2 * ADDRESS_SPACE),
    "planted: 100 MB": lambda: bytearray(b"\1") * 100_000_000,
    "planted: slow": lambda: sum(range(50_000_000)),
}


def cases() -> dict[str, Callable[[], object]]:
    return {name: reading(*case) for name, case in PAYLOADS.items()} | CONTRACTS | PLANTED


if __name__ == "__main__":
    json.dump({name: run(case) for name, case in cases().items()}, sys.stdout)
