"""``python -m tests.fuzz``: a million payloads that are no good, in processes that may die; exits 1 on findings.

``--count 10000000`` is the full form, ``--report`` writes ``docs/reports/fuzz.md``.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from headrace.schemas.columns import decoder_kind
from tests.fuzz.child import BATCH
from tests.fuzz.report import write_report

SEED = 8
STRETCH = 1000  # batches of one process


def stretches(seed: int, batches: int) -> Iterator[dict[str, Any]]:
    """What each process has found; one that dies is a finding, and the next goes on behind the batch that killed it."""
    first = 0
    with tempfile.TemporaryDirectory() as directory:
        saved = Path(directory) / "batch"
        while first < batches:
            saved.write_text(str(first))
            count = min(STRETCH, batches - first)
            command = [sys.executable, "-m", "tests.fuzz.child", str(seed), str(first), str(count), str(saved)]
            ended = subprocess.run(command, capture_output=True, text=True)
            if ended.returncode == 0:
                yield json.loads(ended.stdout.splitlines()[-1])
                first += count
                continue
            died = int(saved.read_text())
            yield {"crashes": 1, "bad": [{"why": f"exit {ended.returncode} in batch {died}: {ended.stderr[-500:]}"}]}
            first = died + 1


def together(found: Iterator[dict[str, Any]]) -> dict[str, Any]:
    """The sums of all stretches, and the most of what is a maximum."""
    total: dict[str, Any] = {"crashes": 0, "refused": Counter(), "bad": [], "slowest_ms": 0.0, "most_kib": 0}
    for each in found:
        total["refused"].update(each.pop("refused", {}))
        total["bad"] += each.pop("bad", [])
        for most in ("slowest_ms", "most_kib"):
            total[most] = max(total[most], each.pop(most, 0))
        for name, count in each.items():
            total[name] = total.get(name, 0) + count
    return total


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz")
    parser.add_argument("--count", type=int, default=1_000_000)
    parser.add_argument("--seed", type=int, default=SEED)
    parser.add_argument("--report", action="store_true")
    arguments = parser.parse_args()
    began = time.monotonic()
    total = together(stretches(arguments.seed, -(-arguments.count // BATCH)))
    total |= {"seed": arguments.seed, "seconds": round(time.monotonic() - began), "decoder": decoder_kind()}
    print(json.dumps(total, indent=2))
    if arguments.report:
        write_report(total)
    return 1 if total["crashes"] or total["bad"] else 0


if __name__ == "__main__":
    sys.exit(main())
