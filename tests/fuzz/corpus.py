"""What mutation starts from: contracts, older versions of some, and good payloads; in ``corpus.jsonl`` beside this.

``python -m tests.fuzz.corpus`` draws it again, from the same seed.
"""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from headrace.schemas.envelope import SchemaRef
from headrace.schemas.registry import Contract, parse_contract
from tests.support.builders import encode
from tests.support.hostile import PAYLOADS
from tests.support.strategies import contracts, events
from tests.support.versions import versions

FILE = Path(__file__).parent / "corpus.jsonl"
SEED = 20261127
CONTRACTS = 80
PAIRS = 10
_PAYLOADS = 12


class Subject(NamedTuple):
    """What is fuzzed together: a writer, a reader (the same, or a newer version), and good payloads of the writer."""

    writer: Contract
    reader: Contract
    payloads: list[bytes]


def load() -> list[Subject]:
    """The subjects of the file, then the contracts of hostile payloads that are known."""
    subjects = load_good()
    known: dict[str, Subject] = {}
    for contract, payload in PAYLOADS.values():
        if len(payload) < 100_000:
            known.setdefault(contract.json, Subject(contract, contract, [])).payloads.append(payload)
    return [*subjects, *known.values()]


def load_good() -> list[Subject]:
    """The subjects of the file, whose payloads are all valid."""
    return [_subject(json.loads(line)) for line in FILE.read_text().splitlines()]


def _subject(line: dict[str, Any]) -> Subject:
    writer, reader = (parse_contract(SchemaRef("thing_happened", 1), line[each]) for each in ("writer", "reader"))
    return Subject(
        writer, writer if line["reader"] == line["writer"] else reader, [*map(bytes.fromhex, line["payloads"])]
    )


def _draw() -> Iterator[str]:
    """Lines of the file: wide contracts rather than the smallest ones."""
    pairs = st.tuples(versions(), st.data())
    singles = st.tuples(contracts().map(lambda contract: (contract, contract)), st.data())
    for strategy, count in ((singles, CONTRACTS), (pairs, PAIRS)):
        found: dict[str, str] = {}
        for (writer, reader), payloads in _examples(strategy, count * 6):
            line = {"writer": writer.json, "reader": reader.json, "payloads": [each.hex() for each in payloads]}
            found[writer.json] = json.dumps(line)
        widest = sorted(found.values(), key=len, reverse=True)
        yield from sorted(widest[:: max(1, len(widest) // count)][:count])


def _examples(strategy: Any, count: int) -> list[tuple[tuple[Contract, Contract], list[bytes]]]:
    drawn = []

    @seed(SEED)
    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=[*HealthCheck]
    )
    @given(strategy)
    def draw(example: Any) -> None:
        (writer, reader), data = example
        payloads = [encode(writer, data.draw(events(writer.record))) for _ in range(_PAYLOADS)]
        drawn.append(((writer, reader), sorted(set(payloads), key=len)))

    draw()
    return drawn


if __name__ == "__main__":
    FILE.write_text("\n".join(_draw()) + "\n")
