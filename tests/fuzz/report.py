"""What fuzzing has shown, as a page."""

from __future__ import annotations

import platform
from collections.abc import Mapping
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

from tests.fuzz.child import CPU_SECONDS, EXTRA_KIB, FALLBACK_EVERY
from tests.fuzz.corpus import CONTRACTS, PAIRS, load
from tests.support.paths import ROOT

PAGE = ROOT / "docs" / "reports" / "fuzz.md"


def write_report(total: Mapping[str, Any]) -> None:
    """Write the page."""
    refused = sorted(total["refused"].items(), key=lambda item: -item[1])
    versions = f"{platform.platform()} (pyarrow {version('pyarrow')}, fastavro {version('fastavro')})"
    known = len(load()) - CONTRACTS - PAIRS
    limit = f"{CPU_SECONDS * 1000:.0f} ms or {EXTRA_KIB // 1024} MB"
    same = f"{total['unchanged']:,} are written again byte for byte, {total['canonical']:,} in their canonical form"
    PAGE.write_text(f"""# Fuzzing the decoder

`python -m tests.fuzz --count {total["payloads"]} --report` made this page on {datetime.now(UTC):%Y-%m-%d} in
{total["seconds"]} seconds with Python {platform.python_version()} on {versions}, decoder {total["decoder"]},
seed {total["seed"]}.

**{total["payloads"]:,} payloads: {total["crashes"]} crashes, {_count(total, "raised")} uncaught exceptions,
{_count(total, "took")} above {limit}, {_count(total, "otherwise")} read wrongly.**
The slowest batch of a hundred (or single payload, where a batch was above the limit) took {total["slowest_ms"]:.1f} ms
of processor time, and the largest {total["most_kib"] / 1024:.1f} MB.

{CONTRACTS} contracts were drawn once, {PAIRS} pairs of an older and a newer version, and good payloads of each
(`tests/fuzz/corpus.jsonl`); {known} contracts and their payloads are those of `tests/support/hostile.py`. Each payload
is a good one with one to four changes: bits, bytes, cuts, pieces of others, numbers where they hurt; one of two hundred
is large. They are read a hundred at a time, as the job does, in a process of its own: one that dies is counted, and
named.

* {total["accepted"]:,} were accepted, for a changed payload may be another good one. Of those of one version
  {same}, which reads the same.
* {total["payloads"] - total["accepted"]:,} were refused, with field and byte.
* {total["compared"]:,} (one batch of {FALLBACK_EVERY}, and all pairs of versions) were read by the pure-Python fallback
  and the strict decoder too: the same rows, the same refusals, word for word.

| refused: | payloads |
| --- | ---: |
{chr(10).join(f"| {why} | {count:,} |" for why, count in refused)}
""")


def _count(total: Mapping[str, Any], word: str) -> int:
    return sum(word in each["why"] for each in total["bad"])
