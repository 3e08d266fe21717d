"""Compiler of the function that reads events of a record from JSON, by the compiled module or in pure Python."""

from __future__ import annotations

import os
from collections.abc import Callable
from types import ModuleType
from typing import Any, Final, TypeAlias

from headrace.schemas.compiled_modules import load_compiled, values_of
from headrace.schemas.decoder import MAX_PAYLOAD_BYTES
from headrace.schemas.json_encoding.faults import MAX_NUMBER, MAX_SKIPPED, Fault, error
from headrace.schemas.json_encoding.forms import Form
from headrace.schemas.json_encoding.make_plan import plan
from headrace.schemas.json_encoding.packed_plan import PackedPlan, pack_plan
from headrace.schemas.json_encoding.plan import MAX_LEVELS, Code, Node
from headrace.schemas.json_encoding.rules import JsonRules
from headrace.schemas.json_encoding.transcode import compile_fallback
from headrace.schemas.model import MAX_ITEMS, Record

Transcode: TypeAlias = Callable[[bytes], bytes]


def compile_json(record: Record, rules: JsonRules) -> Transcode:
    """Return the function that reads one event of *record* from JSON and returns it as one Avro datum.

    The strict decoder reads the datum, with no regard to headers, since a text has none. The function raises
    UndecodableError if it refuses the text; the error's offset is the byte of the text.

    Raises:
        ContractError: the record has a type that JSON payloads cannot hold yet.
        CompiledModuleError: the compiled module was built from other sources than the Python code.
    """
    return compile_plan(plan(record, rules))


def compile_plan(node: Node) -> Transcode:
    """Return the function that reads a text by the plan *node*, at most ``MAX_LEVELS`` deep; see :func:`compile_json`.

    Raises:
        CompiledModuleError: the compiled module was built from other sources than the Python code.
    """
    module = compiled_json_module()
    return compile_fallback(node) if module is None else _compiled(node, module)


def compiled_json_module() -> ModuleType | None:
    """Return the compiled module; None if it is missing, or if the fallback is selected.

    Raises:
        CompiledModuleError: the module was built from other sources than the Python code.
    """
    return load_compiled("headrace._json", json_constants)


def json_constants() -> dict[str, dict[str, int]]:
    """Return the constants that the compiled module has to have, by group and name."""
    return {
        "codes": values_of(Code),
        "forms": {form.name: place for place, form in enumerate(Form)},
        "faults": values_of(Fault),
        "limits": {
            "MAX_TEXT": MAX_PAYLOAD_BYTES,
            "MAX_ITEMS": MAX_ITEMS,
            "MAX_NUMBER": MAX_NUMBER,
            "MAX_SKIPPED": MAX_SKIPPED,
            "MAX_LEVELS": MAX_LEVELS,
        },
    }


def _compiled(node: Node, module: Any) -> Transcode:
    packed = pack_plan(node)
    secret = os.urandom(16)
    read = module.Transcoder(*packed[:4], (int.from_bytes(secret[:8]), int.from_bytes(secret[8:]))).read

    def transcode(data: bytes) -> bytes:
        datum = read(data)
        if type(datum) is bytes:
            return datum
        raise _error(packed, data, *datum)

    return transcode


def _error(packed: PackedPlan, data: bytes, fault: int, place: int, offset: int, indexes: list[int]) -> Exception:
    node, path = packed.places[max(place, _ROOT)]
    left = iter(indexes)
    parts = [f"[{next(left)}]" if part is None else part for part in path]
    return error(Fault(fault), node, parts, offset, data)


_ROOT: Final = 0  # the place of a fault of the text as a whole
