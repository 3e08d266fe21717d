"""``python -m tests.fuzz.json_texts``: texts in JSON, good and bad, which both transcoders must read alike.

``--count 5000000`` is the full form. Each process has its own contracts and conventions; one that dies is a finding.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from random import Random
from typing import Any

from headrace.schemas.decoder import compile_decoder
from headrace.schemas.errors import ContractError, UndecodableError
from headrace.schemas.json_encoding.compile_json import compile_json
from headrace.schemas.json_encoding.forms import EXCLUSIVE, SETTINGS
from headrace.schemas.json_encoding.make_plan import as_json_has_it, plan
from headrace.schemas.json_encoding.parse_rules import parse_json_rules
from headrace.schemas.json_encoding.refused_types import refuse_types
from headrace.schemas.json_encoding.rules import AVRO_JSON, CONVENTIONS, JsonRules
from headrace.schemas.json_encoding.transcode import compile_fallback
from headrace.schemas.model import Kind, Record, Scalar, inner, walk
from tests.fuzz.corpus import load
from tests.support.json_texts import Texts, damaged_text, outcome

STRETCH = 100_000  # texts of one process
EACH = 2_000  # texts of one contract and convention
VARIANTS = 20  # of one text: itself, and damaged ones
COMPARED = 3  # of these, by the fallback
SECONDS = 0.1  # of processor time for one text


def any_rules(random: Random) -> JsonRules:
    """Rules of a convention, of Avro's JSON, or of settings drawn one by one."""
    way = random.randrange(7)
    if way < len(CONVENTIONS):
        return [*CONVENTIONS.values()][way]
    if way == len(CONVENTIONS):
        return AVRO_JSON
    settings: dict[str, Any] = {name: _some(random, name) for name in SETTINGS}
    return parse_json_rules(settings | {"unknown_keys": random.choice(["ignore", "refuse"])}, "drawn")


def _some(random: Random, setting: str) -> list[str]:
    chosen: list[Any] = []
    for form in random.sample(SETTINGS[setting], random.randrange(1, len(SETTINGS[setting]) + 1)):
        if not any(form in group and set(group) & set(chosen) for group in EXCLUSIVE):
            chosen.append(form)
    return chosen


def stretch(seed: int, number: int) -> dict[str, Any]:
    """Compare the transcoders on STRETCH texts."""
    random = Random(f"{seed} {number}")
    found: dict[str, Any] = {
        "texts": 0,
        "compared": 0,
        "accepted": 0,
        "slowest_ms": 0.0,
        "refused": Counter(),
        "bad": [],
    }
    records = [subject.writer.record for subject in load()]
    for _ in range(STRETCH // EACH):
        rules = any_rules(random)
        _compare(random, random.choice([each for each in records if _holds(each, rules)]), rules, found)
    return found


def _holds(record: Record, rules: JsonRules) -> bool:
    """Whether payloads in JSON may have the record; a JSON column refuses texts that the transcoder accepts."""
    if any(inner(field.type) == Scalar(Kind.JSON) for _, field in walk(record)):
        return False
    with suppress(ContractError):
        refuse_types(record, "", unions=rules.tagged)
        return True
    return False


def _compare(random: Random, record: Record, rules: JsonRules, found: dict[str, Any]) -> None:
    root = plan(record, rules)
    compiled, fallback = compile_json(record, rules), compile_fallback(root)
    decode = compile_decoder(as_json_has_it(record), replace(record, datum=True))
    texts = Texts(random, random.choice([40, 400]))
    for _ in range(EACH // VARIANTS):
        drawn = texts.of(root).encode()
        for number in range(VARIANTS):
            text = drawn if number == 0 else damaged_text(random, drawn)
            result, spent = _measured(compiled, text)
            if spent > SECONDS:  # again, because the interpreter may have collected garbage
                result, spent = _measured(compiled, text)
            why = f"took {spent * 1000:.0f} ms" if spent > SECONDS else ""
            if number < COMPARED:
                why = why or _other(result, outcome(fallback, text))
                found["compared"] += 1
            why = why or _undecoded(result, decode)
            _count(found, result, spent)
            if why and len(found["bad"]) < 20:
                found["bad"].append(
                    {"why": why, "rules": repr(rules), "record": repr(record)[:3000], "text": text.hex()}
                )


def _measured(transcode: Callable[[bytes], bytes], text: bytes) -> tuple[bytes | str, float]:
    began = time.process_time()
    result = outcome(transcode, text)
    return result, time.process_time() - began


def _count(found: dict[str, Any], result: bytes | str, spent: float) -> None:
    found["texts"] += 1
    found["slowest_ms"] = max(found["slowest_ms"], spent * 1000)
    if isinstance(result, bytes):
        found["accepted"] += 1
    else:
        found["refused"][result.partition(" at byte ")[0].rpartition(": ")[2][:60]] += 1


def _other(result: bytes | str, other: bytes | str) -> str:
    return f"compiled: {result!r}, fallback: {other!r}"[:1000] if result != other else ""


def _undecoded(result: bytes | str, decode: Any) -> str:
    if isinstance(result, bytes):
        try:
            decode(result)
        except UndecodableError as error:
            return f"accepted, and not decoded: {error}"
    return ""


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz.json_texts")
    parser.add_argument("--count", type=int, default=200_000)
    parser.add_argument("--seed", type=int, default=8)
    parser.add_argument("--first", type=int, default=0)
    parser.add_argument("--child", action="store_true")
    arguments = parser.parse_args()
    if arguments.child:
        print(json.dumps(stretch(arguments.seed, arguments.first)))
        return 0
    total: dict[str, Any] = {"texts": 0, "compared": 0, "accepted": 0, "crashes": 0, "slowest_ms": 0.0}
    total |= {"refused": Counter(), "bad": []}
    for number in range(arguments.first, arguments.first + -(-arguments.count // STRETCH)):
        command = [sys.executable, "-m", "tests.fuzz.json_texts", "--child", "--first", str(number)]
        ended = subprocess.run([*command, "--seed", str(arguments.seed)], capture_output=True, text=True)
        if ended.returncode:
            total["crashes"] += 1
            total["bad"].append({"why": f"exit {ended.returncode} in stretch {number}: {ended.stderr[-2000:]}"})
            continue
        _add(total, json.loads(ended.stdout.splitlines()[-1]))
    total["refused"] = dict(total["refused"].most_common())
    print(json.dumps(total, indent=2))
    return 1 if total["bad"] else 0


def _add(total: dict[str, Any], found: dict[str, Any]) -> None:
    total["refused"].update(found["refused"])
    total["bad"] += found["bad"]
    total["slowest_ms"] = max(total["slowest_ms"], found["slowest_ms"])
    for name in ("texts", "compared", "accepted"):
        total[name] += found[name]


if __name__ == "__main__":
    sys.exit(main())
