"""``python -m tests.fuzz.event_values``: events of hostile values, which the compiled encoder must read as Python does.

``--count 5000000`` is the full form. Each process has its own contracts; one that dies is a finding.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from random import Random
from typing import Any

from headrace.schemas.registry import Contract
from tests.fuzz.corpus import load
from tests.support.event_values import difference, hostile_event, in_python

STRETCH = 50_000  # events of one process
EACH = 500  # events of one contract
COMPARED = 4  # every fourth event, and every accepted one
MOST_BAD = 20


def stretch(seed: int, number: int) -> dict[str, Any]:
    """Encode STRETCH events."""
    random = Random(f"{seed} {number}")
    found: dict[str, Any] = {"events": 0, "compared": 0, "encoded": 0, "slowest_ms": 0.0, "bad": []}
    contracts = [subject.writer for subject in load()]
    for _ in range(STRETCH // EACH):
        compare(random, random.choice(contracts), EACH, found)
    return found


def compare(random: Random, contract: Contract, count: int, found: dict[str, Any]) -> None:
    """Compare both ways on *count* events of a contract. Each way gets an event of its own: some answer only once."""
    encode = contract.event_encoder
    assert encode is not None, "no compiled module"
    for number in range(count):
        seed = random.random()
        began = time.process_time()
        known = encode(hostile_event(Random(seed), contract))
        spent = (time.process_time() - began) * 1000
        found["events"] += 1
        found["encoded"] += known is not None
        found["slowest_ms"] = max(found["slowest_ms"], spent)
        if known is None and number % COMPARED:
            continue
        found["compared"] += 1
        why = difference(known, in_python(contract, hostile_event(Random(seed), contract)))
        if why and len(found["bad"]) < MOST_BAD:
            found["bad"].append({"why": why, "seed": seed, "contract": contract.json[:3000]})


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.event_values")
    parser.add_argument("--count", type=int, default=100_000)
    parser.add_argument("--seed", type=int, default=31)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--child", action="store_true")
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(stretch(arguments.seed, arguments.first)))
        return 0
    total: dict[str, Any] = {"events": 0, "compared": 0, "encoded": 0, "crashes": 0, "slowest_ms": 0.0, "bad": []}
    for number in range(arguments.first, arguments.first + -(-arguments.count // STRETCH)):
        command = [sys.executable, "-m", "tests.fuzz.event_values", "--child", "--first", str(number)]
        ended = subprocess.run([*command, "--seed", str(arguments.seed)], capture_output=True, text=True)
        if ended.returncode:
            total["crashes"] += 1
            total["bad"].append({"why": f"exit {ended.returncode} in stretch {number}: {ended.stderr[-2000:]}"})
            continue
        _add(total, json.loads(ended.stdout.splitlines()[-1]))
    print(json.dumps(total, indent=2))
    return 1 if total["bad"] else 0


def _add(total: dict[str, Any], found: dict[str, Any]) -> None:
    total["bad"] += found["bad"]
    total["slowest_ms"] = max(total["slowest_ms"], found["slowest_ms"])
    for name in ("events", "compared", "encoded"):
        total[name] += found[name]


if __name__ == "__main__":
    sys.exit(main())
