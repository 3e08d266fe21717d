"""The report of torture, in Markdown."""

from __future__ import annotations

import platform
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any, Final

from headrace.runtime.failpoints import ENGINE
from tests.faults.replaced import EVERY
from tests.faults.torture_plan import KILL, LIVES_ON


def progress(rounds: Sequence[dict[str, Any]]) -> str:
    """One line on all rounds so far."""
    events, seconds = (sum(each[name] for each in rounds) for name in ("events", "seconds"))
    deaths = sum(sum(each["deaths"].values()) for each in rounds)
    broker = sum(each["broker_kills"] for each in rounds)
    return (
        f"  {events:,} events, {deaths:,} deaths, {broker:,} kills of the broker, {seconds:,} s: "
        "0 lost, 0 doubled, 0 wrong, tallies equal"
    )


def report(rounds: Sequence[dict[str, Any]]) -> str:
    """The page of all rounds."""
    deaths, blows = Counter[str](), Counter[str]()
    for each in rounds:
        deaths.update(each["deaths"])
        blows.update(each["blows"])
    kills, drained = deaths.pop(KILL, 0), deaths.pop(LIVES_ON, 0)
    total = {name: sum(each[name] for each in rounds) for name in ("events", "rows", "broker_kills", "unconfirmed")}
    lines = [
        _INTRODUCTION.format(
            date=datetime.now(UTC).date(),
            events=total["events"],
            rows=total["rows"],
            pubsub=_PUBSUB.format(**total, drained=drained) if total["broker_kills"] else "",
            letters=sum(each["letters"] for each in rounds),
            kills=kills,
            broker_kills=total["broker_kills"],
            failpoints=sum(deaths.values()),
            tables=sum(blows.values()),
            gone=sum(each["gone"] for each in rounds),
            lost=sum(each["lost"] for each in rounds),
            bound=3 / max(1, kills),
            rounds=len(rounds),
            minutes=sum(each["seconds"] for each in rounds) / 60,
            python=platform.python_version(),
            system=platform.platform(),
            versions=", ".join(f"{name} {version(name)}" for name in ("apsw", "pyarrow", "google-cloud-pubsub")),
        ),
        "| failpoint | times the process died there |",
        "| --- | ---: |",
        *(f"| `{name}` | {deaths[name]} |" for name in sorted(ENGINE)),
        "",
        "| a table was | when | times |",
        "| --- | --- | ---: |",
        *(f"| {blow.how} | {blow.when} | {blows[str(blow)]} |" for blow in EVERY),
        "",
        "| round | seed | events | rows | rows removed | dead letters | received | duplicates | deaths | broker killed "
        "| tables | seconds |",
        "| ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |",
        *(
            f"| {each['number']} | {each['seed']} | {each['events']:,} | {each['rows']:,} | {each['gone']:,} "
            f"| {each['letters']:,} | {each['tallies']['received']:,} | {each['tallies'].get('duplicate', 0):,} "
            f"| {sum(each['deaths'].values())} | {each['broker_kills']} | {sum(each['blows'].values())} "
            f"| {each['seconds']} |"
            for each in rounds
        ),
        "",
    ]
    return "\n".join(lines)


_PUBSUB: Final = """
The local broker is killed by SIGKILL too, {broker_kills:,} times: at a random moment while events are published and an
engine starts, works or dies, and {drained:,} times under an engine that lives on and is drained later. It comes back on
its file within a second and the time of its start. {unconfirmed:,} messages of these events were not confirmed, and
were published again, as a producer does. The oracle makes no other allowance: what a broker delivers again after its
restart is counted once, and nothing is pending at the end.
"""

_INTRODUCTION: Final = """\
# Torture

These are figures of the **embedded engine on the emulators**, on one machine. They say nothing of Dataflow, and of
BigQuery and Pub/Sub only as far as their emulators answer as they do (`tests/faults/test_conformance.py`).

`make torture` made this page on {date} with Python {python} on {system} ({versions}).

**{events:,} events: 0 lost, 0 doubled rows, 0 wrong contents, tallies equal.** Meanwhile there were {kills:,} kills of
an engine at random moments, {failpoints:,} deaths at failpoints, and {broker_kills:,} kills of the local broker.
{tables:,} tables were dropped, emptied or restored. {rows:,} rows and {letters:,} dead letters in {rounds} rounds,
{minutes:.0f} minutes.
A run of 2026-11-28, before tables and the broker were among the faults, had shown the same for 1,000,160 events, 300
kills and 460 deaths at failpoints.

Zero in {kills:,} independent kills bounds the chance that one does harm: below {bound:.1%}, with 95 % confidence (the
rule of three). It is no proof that it is zero.

How: each round is a project of its own. Events are published in slices, flights and bookings with duplicates,
conflicts, truncated, late, early and nameless messages among them, and rows that a server in front of the emulator
refuses. An engine is started on each slice and dies: by SIGKILL at a random moment within 1.5 s of running, or by its
own hand at a failpoint. Ids are remembered for 2,000 events only, so what comes again is often older than what is
remembered, and is looked up. At the end one engine drains what is left, and the oracle (`tests/faults/oracle.py`)
compares every row with its event, masked, every dead letter with its message, and the tallies with both. The oracle
itself is shown to fail where it should (`tests/faults/test_oracle.py`, `tests/faults/broken/`).

Between kills, tables are dropped and provisioned anew, emptied, or restored from a copy: after a kill with a batch
committed or appended, after a kill anywhere, or under a running engine. {gone:,} rows were removed so. They need
not come back, unless their event is published again, as up to 40 are after each time. Messages that Pub/Sub still held
when a table was dropped or restored under a dead engine must be in the new table. The engine forgets their outcomes
with the table, so it can count them twice. `headrace audit` reports {lost:,} lost rows, in each subject as many as the
tallies are ahead of the rows, and no other difference.
{pubsub}
Found and fixed on the way, by torture, by the faults of the catalogue, or by reading for them:

* Two events with one id in one batch: the second was dead-lettered before the first was written. Killed there, both
  came again in another order, and the second was written too. Conflicting events now wait until the first is written.
* Ids reached back to the newest forgotten message. A copy published just after it and held by an engine that died was
  written again, thousands of events later. They now reach back to the moment of forgetting.
* An id found in the table was taken for a duplicate without a look at its contents, and a conflict was lost.
* A batch that may still be on its way was changed at its offset; its stream is now closed first.
* Halved batches came back from the journal in another order, and the engine halted at every start.
* An engine that had been taken over, refused and started again forgot that it had been; one that woke up after the
  other had already ended went on as if nothing had been.
* A restarted Pub/Sub emulator counts its message ids from 1 again, and receipts took new messages for old ones.
* A full disk, or a cancelled call, while a lease was renewed ended the engine.
* A signal that came while the main thread held the lock of the event that it sets, as during the signal before, left
  the engine running for ever. A thread of its own sets the event now.
* The BigQuery emulator finalised streams while an append was under way, and kept the offset of an insert that had
  failed; both are fixed in its launcher, or no figure here would mean anything.
"""
