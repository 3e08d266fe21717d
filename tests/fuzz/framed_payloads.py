"""``python -m tests.fuzz.framed_payloads``: payloads behind headers that no contract states, and bare datums.

The contracts are the samples, those of ``corpus.jsonl``, and drawn ones. Each framed payload must be refused by every
contract that states neither its header nor ``datum``; each bare datum must be read where the contract states ``datum``.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections import Counter
from collections.abc import Iterator, Sequence
from random import Random
from typing import Any

from hypothesis import HealthCheck, Phase, given, seed, settings
from hypothesis import strategies as st

from headrace.core.message import Message
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.headers import HEADERS, Header
from headrace.schemas.registry import Contract, Registry, parse_contract
from headrace.steps.decode.decode_messages import Decoder, decode
from tests.fuzz.corpus import load_good
from tests.support.builders import PACKAGE, encode
from tests.support.strategies import contracts, events

SEED = 20261130
DRAWN = 500  # contracts
PAYLOADS = 8  # of each drawn contract
EACH = 40  # framed payloads of one contract and encoding in one batch
ATTRIBUTES = {"kind": "attributes", "id": "message_id", "version": 1}
# What a contract may state, with the length of the header that it then takes.
ENCODINGS: dict[str, tuple[Any, int]] = {
    "nothing": (None, 0),
    "confluent": ("confluent", 5),
    "apicurio": ({"kind": "apicurio", "ids": "content", "id_bytes": 8}, 9),
    "single-object": ("single-object", 10),
    "glue": ("glue", 18),
}


def subjects() -> Iterator[tuple[Contract, list[bytes]]]:
    """Contracts with good payloads of each."""
    for contract in PACKAGE:
        yield contract, [encode(contract, each) for each in _drawn_events(contract)]
    for subject in load_good():
        yield subject.writer, subject.payloads
    yield from _drawn()


def stated(contract: Contract, encoding: Any) -> Contract:
    """The same contract for messages of other clients, which states *encoding*; None states nothing."""
    avro = json.loads(contract.json)
    headrace = {**avro["headrace"], "envelope": ATTRIBUTES, "schema_ids": [7], "event_time": "publish_time"}
    headrace.pop("encoding", None)
    if encoding is not None:
        headrace["encoding"] = encoding
    return parse_contract(SchemaRef(contract.subject, 1), json.dumps({**avro, "headrace": headrace}))


def framed(random: Random, header: Header, payload: bytes) -> bytes:
    """*payload* behind *header*, with an id that no contract pins."""
    return header.magic + random.randbytes(header.length - len(header.magic)) + payload


def read(contract: Contract, payloads: Sequence[bytes]) -> int:
    """How many of *payloads* become rows."""
    messages = [Message(contract.subject, each, {}, str(number), 0) for number, each in enumerate(payloads)]
    batch = decode(messages, Decoder(Registry({contract.ref: contract}), contract.subject), 0).batch
    return 0 if batch is None else len(batch)


def run(count: int) -> dict[str, Any]:
    """Read *count* framed payloads, and as many bare ones."""
    random = Random(SEED)
    found: Counter[str] = Counter()
    known = [*subjects()]
    ambiguous: list[str] = []
    while found["framed"] < count or found["bare"] < count:
        for contract, payloads in known:
            _framed(random, contract, payloads, found, ambiguous)
            plain = stated(contract, "datum")
            bare = random.choices(payloads, k=EACH)
            found["bare"] += len(bare)
            found["bare refused"] += len(bare) - read(plain, bare)
    return {**found, "contracts": len(known), "rows of": ambiguous[:20]}


def _framed(random: Random, contract: Contract, payloads: list[bytes], found: Counter[str], bad: list[str]) -> None:
    for name, (encoding, length) in ENCODINGS.items():
        try:
            other = stated(contract, encoding)
        except ValueError:  # its own events are often ambiguous, so that it must state an encoding
            found["contracts that must state datum"] += 1
            continue
        headers = [each for each in HEADERS if each.length != length]
        given_ = [framed(random, random.choice(headers), random.choice(payloads)) for _ in range(EACH)]
        rows = read(other, given_)
        found["framed"] += len(given_)
        found["framed read"] += rows
        if rows:
            bad.append(f"{name}: {contract.json[:200]}")


def _drawn_events(contract: Contract) -> list[Any]:
    return _examples(events(contract.record), PAYLOADS)


def _drawn() -> Iterator[tuple[Contract, list[bytes]]]:
    yield from _examples(st.tuples(contracts(), st.none()), DRAWN)


def _examples(strategy: Any, count: int) -> list[Any]:
    found: list[Any] = []

    @seed(SEED)
    @settings(
        max_examples=count, database=None, deadline=None, phases=[Phase.generate], suppress_health_check=[*HealthCheck]
    )
    @given(st.data())
    def draw(data: Any) -> None:
        example = data.draw(strategy)
        if isinstance(example, tuple):
            contract, _ = example
            example = contract, [encode(contract, data.draw(events(contract.record))) for _ in range(PAYLOADS)]
        found.append(example)

    draw()
    return found


def main() -> int:
    """Print what was found; the exit code is 1 if a framed payload was read or a bare one refused."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--count", type=int, default=100_000)
    result = run(options.parse_args().count)
    print(json.dumps(result, indent=2))
    return int(bool(result["framed read"] or result["bare refused"]))


if __name__ == "__main__":
    sys.exit(main())
