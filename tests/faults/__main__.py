"""``python -m tests.faults``: every scenario, in a few processes at once; the last line is the sum.

A scenario waits more than it works: leases run out, engines start.
"""

from __future__ import annotations

import os
import random
import re
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path

from tests.faults.not_there import NOT_THERE
from tests.support.paths import ROOT

SHARDS = 4


def main() -> int:
    """Run, print what each process says, and sum up."""
    seed = os.environ.get("FAULTS_SEED") or str(random.SystemRandom().randrange(10**8))
    seeds = seed if "FAULTS_SEED" in os.environ else f"20260314,{seed}"
    print(f"seeds: {seeds}", flush=True)
    with tempfile.TemporaryDirectory() as folder:
        outputs = [Path(folder) / f"shard-{number}.txt" for number in range(SHARDS)]
        shards = [_start(number, seeds, output) for number, output in enumerate(outputs)]
        codes = [shard.wait() for shard in shards]
        texts = [output.read_text() for output in outputs]
    for text in texts:
        print(text)
    for number, reason in NOT_THERE.items():
        print(f"not run: {number}: {reason}")
    totals = Counter[str]()
    for text in texts:
        totals.update(
            {word: int(count) for count, word in re.findall(r"(\d+) (passed|failed|errors?)\b", text.splitlines()[-1])}
        )
    failed = totals["failed"] + totals["error"] + totals["errors"]
    print(f"faults: {totals['passed']} passed, {failed} failed")
    return 0 if not failed and all(code == 0 for code in codes) else 1


def _start(number: int, seeds: str, output: Path) -> subprocess.Popen[bytes]:
    command = [sys.executable, "-m", "pytest", "-q", "-m", "faults", "tests/faults", *sys.argv[1:]]
    with output.open("wb") as to:
        return subprocess.Popen(
            command,
            cwd=ROOT,
            env={
                **os.environ,
                "FAULTS_SHARD": f"{number}/{SHARDS}",
                "FAULTS_SEEDS": seeds,
                "GRPC_ENABLE_FORK_SUPPORT": "0",
            },
            stdout=to,
            stderr=subprocess.STDOUT,
        )


if __name__ == "__main__":
    sys.exit(main())
