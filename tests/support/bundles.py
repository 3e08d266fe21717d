"""Bundles of the stateful step as a runner may run them, against a model of BigQuery's streams.

A bundle works on a copy of what is committed, and is committed as a whole or not at all. Bundles are run again in
other groups, commits are lost after appends went out, answers and lookups are lost, appends arrive late, streams
vanish, worker caches are lost or old, and a worker that has been replaced goes on with what was committed long ago.
Messages come again after they were acknowledged, events are published again, and the table may hold rows of an earlier
job, of which state knows nothing. In half the seeds so few ids are remembered that most are forgotten. All of it from
one seed.
"""

from __future__ import annotations

import random
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import Final

from headrace.beam.append_queue import IDLE_MICROS, AppendError, AppendQueue, Streams
from headrace.beam.pages import PagedQueue
from headrace.beam.row_outcomes import RowOutcomes, tally_outcomes
from headrace.beam.sealed_dead_letters import unseal_dead_letters
from headrace.beam.state import Ids, WorkerCache
from headrace.beam.table_shard import TableShard
from headrace.bigquery.append_result import HaltError
from headrace.core.dead_letter import DeadLetter
from headrace.core.message import Message
from headrace.core.micro_batch import MicroBatch
from headrace.core.outcome import Outcome
from headrace.core.tally import Tally, add_up, tally_rows, tally_written
from tests.support.shard_state import (
    SEALING_KEY,
    TABLE,
    BundleLostError,
    Network,
    StateValues,
    Table,
    a_batch,
    a_message,
    the_append_queue,
    the_ids,
)

WINDOW: Final = timedelta(minutes=1)
BAGS: Final = ("inbox", "page_")


class Carrier:
    """The engine under test: what the DoFn does in ``process`` and when its timer fires. Broken ones override."""

    ids: type[Ids] = Ids
    append_queue: type[AppendQueue] = AppendQueue
    queue: type[PagedQueue] = PagedQueue

    def asked(self, network: Network) -> Network:
        """Who answers lookups."""
        return network

    def process(self, table_shard: TableShard, batch: MicroBatch, streams: Streams, now: int) -> list[RowOutcomes]:
        return [table_shard.enqueue(batch)]

    def on_timer(self, table_shard: TableShard, streams: Streams, now: int) -> tuple[list[RowOutcomes], bool]:
        progress = table_shard.append(streams, now)
        return progress.outcomes, progress.next_in_seconds is not None


@dataclass
class Committed:
    """Everything a commit changes."""

    state: StateValues = field(default_factory=dict)
    timer: bool = False
    number: int = 0


class Simulator:
    """One (table, shard) and the messages that are on their way to it."""

    def __init__(self, seed: int, carrier: Carrier, sent: Sequence[Message] | None = None) -> None:
        self.random = random.Random(seed)
        self.carrier = carrier
        self.now = 1
        self.table = Table()
        self.network = Network(self.table, self.random, trouble=0.3)
        self.budget = self.random.choice([4, 8, 10**6, 10**6])
        self.bags = self.random.choice([1, 2, 64])
        self.has_vanishing_streams = self.random.random() < 0.5  # else events are published again beyond the horizon
        self.beyond: Counter[str] = Counter()
        self.earlier = [] if sent is not None or self.random.random() < 0.5 else self._earlier_rows()
        self.sent = [self._any_message() for _ in range(40)] if sent is None else list(sent)
        self.pending = list(self.sent)
        self.workers = [WorkerCache(), WorkerCache()]
        self.history = [Committed()]
        self.letters: list[DeadLetter] = []
        self.tallies: list[Tally] = []
        ids = sorted({message.attributes["ce-id"] for message in self.sent})
        self.difficult = set(self.random.sample(ids, min(4, len(ids))))
        self._mend()

    def run(self) -> list[str]:
        """Run through all troubles and then to the end, then replay every dead letter; what is wrong, in words."""
        try:
            for _ in range(120):
                self._trouble()
            self._quiesce()
            refused = {letter.message.attributes["ce-id"] for letter in self.letters}
            found = list(self.differences(refused))
            self._replay()
        except HaltError as error:
            return [f"halted: {error}"]
        return found + list(self.differences(set()))

    def step(self, bring: int = 0) -> None:
        """One bundle of *bring* messages, or one of the timer, without trouble."""
        self._bundle(self.history[-1], False, bring, timers=0 if bring else 1)

    def _earlier_rows(self) -> list[tuple[str, str]]:
        """What an earlier job has written, whose state is gone."""
        rows = [(f"e{number}", f"e{number}a") for number in self.random.sample(range(25), 12)]
        self.table.streams[self.table.create(TABLE)] += rows
        return rows

    def _any_message(self) -> Message:
        event_id = f"e{self.random.randrange(25)}"
        return a_message(event_id, f"{event_id}{self.random.choice('aaaaaaab')}", self.now)

    def _trouble(self) -> None:
        chance = self.random.random()
        self.now += IDLE_MICROS + 1 if self.random.random() < 0.02 else 1
        if chance < 0.05:
            self.workers[self.random.randrange(2)] = WorkerCache()
        elif chance < 0.15:
            self.network.deliver_one()
        elif chance < 0.2:
            self._mend()
        elif chance < 0.25:
            self._come_again()
        elif chance < 0.27 and self.has_vanishing_streams and self.table.streams:
            self.table.gone.add(self.random.choice(list(self.table.streams)[-2:]))
        elif chance < 0.35:
            self._zombie()
        else:
            self._any_bundle(self.history[-1], lost=self.random.random() < 0.3)

    def _come_again(self) -> None:
        """A message is delivered again, or its event published again."""
        message = self.random.choice(self.sent)
        if self.random.random() < 0.5:
            self._send(message)
        else:
            self._publish(message)

    def _publish(self, message: Message) -> None:
        """Publish an event again. Beyond the horizon its row says nothing any more of a head whose stream is gone."""
        if self.has_vanishing_streams and self._is_beyond(message):
            return
        self.beyond[message.attributes["ce-id"]] += self._is_beyond(message)
        self._send(replace(message, published_at=self.now))

    def _send(self, message: Message) -> None:
        self.sent.append(message)
        self.pending.append(message)

    def _is_beyond(self, message: Message) -> bool:
        """Whether the event, if it is published now, may be written again: its id is forgotten, or was never known."""
        ids = the_ids(dict(self.history[-1].state), WorkerCache(), budget=self.budget)
        since = ids.since()
        known = ids.seen().decide(a_batch([message])).new == []
        return since is not None and self.now > since and not known and self.table.count(a_batch([message]).rows) > 0

    def _mend(self) -> None:
        """What was refused is accepted from now on, or the other way round: the table is changed."""
        self.table.named = {each for each in sorted(self.difficult) if self.random.random() < 0.4}
        self.table.unnamed = {each for each in sorted(self.difficult - self.table.named) if self.random.random() < 0.3}

    def _zombie(self) -> None:
        with suppress(HaltError):  # as it should: its bundle fails
            self._any_bundle(self.random.choice(self.history), lost=True)

    def _any_bundle(self, base: Committed, lost: bool) -> None:
        """Some messages, the timer, or both; and then perhaps the timer again, if it is set."""
        timers = 0
        while self.random.random() < 0.6:
            timers += 1
        self._bundle(base, lost, self.random.randrange(8), timers)

    def _bundle(self, base: Committed, lost: bool, bring: int, timers: int) -> None:
        cache = self.random.choice(self.workers)
        self.table.clock = self.now
        cache.begin_bundle()
        state, timer = dict(base.state), base.timer
        taken = self.random.sample(self.pending, min(len(self.pending), bring))
        outcomes: list[RowOutcomes] = []
        table_shard = self._table_shard(state, cache)
        try:
            for batch in self._batches(taken):
                outcomes += self.carrier.process(table_shard, batch, self.network, self.now)
                timer = True
            for _ in range(timers):
                if not timer:
                    break
                progress, timer = self.carrier.on_timer(table_shard, self.network, self.now)
                outcomes += progress
        except (BundleLostError, AppendError):
            return
        if not lost:
            self._commit(state, timer, taken, outcomes)

    def _table_shard(self, state: StateValues, cache: WorkerCache) -> TableShard:
        asked = self.carrier.asked(self.network)
        append_queue = the_append_queue(state, asked, cache, self.bags, self.carrier.append_queue, self.carrier.queue)
        return TableShard(the_ids(state, cache, self.carrier.ids, self.budget), append_queue, asked)

    def _batches(self, messages: list[Message]) -> Iterator[MicroBatch]:
        while messages:
            size = self.random.randrange(1, 5)
            yield a_batch(messages[:size])
            messages = messages[size:]

    def _commit(self, state: StateValues, timer: bool, taken: list[Message], outcomes: list[RowOutcomes]) -> None:
        self.history.append(Committed(state, timer, len(self.history)))
        for message in taken:
            self.pending.remove(message)
        for each in outcomes:
            self.tallies += tally_outcomes(each, WINDOW)
            self.letters += unseal_dead_letters(each.batch, each.refusals, "write", SEALING_KEY)

    def _quiesce(self) -> None:
        """No more trouble: late appends arrive, everything is processed, and the timer fires while it is set."""
        self.network.trouble = 0
        for _ in range(1000):
            self.network.deliver_one()
            last = self.history[-1]
            if not self.pending and not last.timer:
                break
            self._any_bundle(last, lost=False)
        for zombie in self.random.sample(self.history, min(20, len(self.history))):
            self._late_zombie(zombie)
        while self.network.late:
            self.network.deliver_one()

    def _replay(self) -> None:
        """BigQuery takes every row now, and people replay what was refused."""
        self.table.named = self.table.unnamed = set()
        for letter in list(self.letters):
            self._publish(letter.message)
        self._quiesce()

    def _late_zombie(self, base: Committed) -> None:
        with suppress(HaltError):
            self.carrier.on_timer(self._table_shard(dict(base.state), WorkerCache()), self.network, self.now)

    def differences(self, refused: set[str]) -> Iterator[str]:
        last = self.history[-1]
        if self.pending or last.timer or any(last.state.get(name) for name in last.state if name.startswith(BAGS)):
            yield "something is left over"
        rows = Counter(event_id for event_id, _ in self.table.rows)
        yield from (
            f"{event_id} has {count} rows" for event_id, count in rows.items() if count > 1 + self.beyond[event_id]
        )
        for event_id in {message.attributes["ce-id"] for message in self.sent} - rows.keys() - refused:
            yield f"{event_id} is lost"
        yield from self._unbalanced()

    def _unbalanced(self) -> Iterator[str]:
        received = _sums([tally_rows(a_batch(self.sent), Outcome.RECEIVED, WINDOW)])
        outcomes = _sums(self.tallies)
        if received[:2] != outcomes[:2]:  # of written events the content is that of the row, not of the payload
            yield f"received {received}, outcomes {outcomes}"
        written = [tally for tally in self.tallies if tally.counts.column("outcome")[0].as_py() == "written"]
        rows = Counter(self.table.rows) - Counter(self.earlier)
        stored = [a_message(event_id, content) for event_id, content in rows.elements()]
        expected = _sums([tally_written(a_batch(stored), WINDOW)]) if stored else (0, 0, 0)
        if expected != _sums(written):
            yield "what was counted as written is not what was written"
        letters = [tally for tally in self.tallies if tally.counts.column("outcome")[0].as_py() == "dead_lettered"]
        if sum(sum(tally.counts.column("events").to_pylist()) for tally in letters) != len(self.letters):
            yield "what was counted as dead-lettered is not what was"


def _sums(tallies: list[Tally]) -> tuple[int, int, int]:
    """Events and the sums of their hashes."""
    if not tallies:
        return (0, 0, 0)
    counts = add_up(tallies).counts
    count, ids, contents = (sum(counts.column(name).to_pylist()) for name in ("events", "id_hash", "content_hash"))
    return count, ids % 2**64, contents % 2**64
