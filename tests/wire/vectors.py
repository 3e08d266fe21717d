"""The test vectors of ``docs/wire.md``, as ``docs/wire-vectors.json`` has them.

    python -m tests.wire.vectors --write

writes that file again. Without the option it exits with 1 if the file has other vectors.
"""

from __future__ import annotations

import json
import sys
from typing import Any, Final

from tests.support.paths import ROOT
from tests.wire.contracts import CONTRACTS
from tests.wire.derived_ids import vectors_of_ids
from tests.wire.envelopes import vectors_of_envelopes
from tests.wire.messages import Vector
from tests.wire.payloads import vectors_of_payloads
from tests.wire.retries import vectors_of_retries
from tests.wire.values_of_types import vectors_of_types

FILE: Final = ROOT / "docs" / "wire-vectors.json"
ABOUT: Final = (
    "Test vectors of docs/wire.md, which describes this file. Made by `python -m tests.wire.vectors --write` in the "
    "repository of Headrace."
)


def vectors() -> list[Vector]:
    """All vectors, in the order in which they are published."""
    groups = (vectors_of_types, vectors_of_ids, vectors_of_envelopes, vectors_of_retries, vectors_of_payloads)
    return [vector for group in groups for vector in group()]


def text() -> str:
    """The content of the file: an entry of the object, or a vector, is some lines, and its values a line each."""
    contracts = ",\n".join(f"    {_line(each)}" for each in CONTRACTS)
    listed = ",\n".join(_entry(each) for each in vectors())
    return f'{{\n  "about": {_line(ABOUT)},\n  "contracts": [\n{contracts}\n  ],\n  "vectors": [\n{listed}\n  ]\n}}\n'


def _entry(vector: Vector) -> str:
    lines = ",\n".join(f"      {_line(key)}: {_line(value)}" for key, value in vector.items())
    return f"    {{\n{lines}\n    }}"


def _line(value: Any) -> str:
    return json.dumps(value, ensure_ascii=True)  # U+2028 and control characters would be invisible


def main() -> int:
    """Write the file, or compare it."""
    if "--write" in sys.argv[1:]:
        FILE.write_text(text())
        return 0
    return 0 if FILE.exists() and FILE.read_text() == text() else 1


if __name__ == "__main__":
    raise SystemExit(main())
