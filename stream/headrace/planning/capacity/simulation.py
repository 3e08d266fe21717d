"""Simulate shards, workers and BigQuery by discrete events: how a backlog grows and shrinks.

Batches arrive for each key at random times and wait for a vCPU of any worker. Decided batches wait in the key's state.
A key does one thing at a time, on its worker: it decides the events that have arrived, and appends the head that it
committed before. Another worker repeats the work of a lost one. Every random number follows from the seed and the
key, so that runs with different workers have the same arrivals.
"""

from __future__ import annotations

import random
from collections import deque
from collections.abc import Generator
from dataclasses import dataclass, field
from typing import Any, Final

import simpy

from headrace.planning.capacity.scenario import Scenario
from headrace.planning.capacity.simulation_samples import Sample, SimulationResult, Written

GIVEN_UP: Final = 6.0  # times the scenario's length, after which the simulation ends with events unwritten
Steps = Generator[simpy.Event, Any, None]
Batch = tuple[float, int]  # time of arrival, number of events


@dataclass(eq=False)
class _Worker:
    """A worker with its vCPUs."""

    vcpus: simpy.Resource
    lost: bool = False


@dataclass
class _Key:
    """One (table, shard): batches that arrived, batches that are decided and wait, and the committed head."""

    worker: _Worker
    ready_at: float = 0.0
    inbox: deque[Batch] = field(default_factory=deque)
    queue: deque[Batch] = field(default_factory=deque)
    head: list[Batch] = field(default_factory=list)
    retry_at: float = 0.0
    waiting: int = 0  # events in queue and head
    woken: simpy.Event | None = None


def simulate(scenario: Scenario, seed: int) -> SimulationResult:
    """Run *scenario* until all events are written, or for six times its length."""
    return _Simulation(scenario, seed).run()


class _Simulation:
    def __init__(self, scenario: Scenario, seed: int) -> None:
        self._scenario, self._costs, self._seed = scenario, scenario.costs, seed
        self._env = simpy.Environment()
        self._workers = [self._new_worker() for _ in range(scenario.workers)]
        self._keys = [_Key(self._workers[number % scenario.workers]) for number in range(len(scenario.rates))]
        self._turn = 0
        self._arrived = self._decided = 0
        self._written = Written()
        self._service_free = 0.0  # time when BigQuery has handled earlier appends
        self._largest_commit = 0.0
        self._busy, self._busy_noted_at, self._busy_seconds = 0, 0.0, 0.0  # seconds of vCPUs since the last sample
        self._samples: list[Sample] = []

    def run(self) -> SimulationResult:
        for number, key in enumerate(self._keys):
            self._env.process(self._arrive(number, key))
            self._env.process(self._serve(key))
        if self._scenario.lost_workers:
            self._env.process(self._lose())
        self._env.run(until=self._env.process(self._watch()))
        written = self._written
        mean = written.latency_sum / max(1, written.events)
        return SimulationResult(
            self._scenario, tuple(self._samples), self._largest_commit, self._arrived, written.events, mean
        )

    def _new_worker(self) -> _Worker:
        return _Worker(simpy.Resource(self._env, self._scenario.vcpus))

    def _arrive(self, number: int, key: _Key) -> Steps:
        rate, chance = self._scenario.rates[number], random.Random(f"{self._seed} {number}")
        size = max(1, round(rate * self._scenario.batch_seconds))
        while rate > 0:
            yield self._env.timeout(chance.expovariate(rate / size))
            if self._env.now >= self._scenario.seconds:
                return
            self._arrived += size
            self._env.process(self._front(key, (self._env.now, size)))

    def _front(self, key: _Key, batch: Batch) -> Steps:
        """Read, decode and mask a batch on any worker; repeat it on another when the worker is lost."""
        while True:
            self._turn += 1
            worker = self._workers[self._turn % len(self._workers)]
            yield from self._work(worker, batch[1] * self._costs.front_seconds)
            if not worker.lost:
                break
            yield self._env.timeout(self._scenario.takeover_seconds)
        key.inbox.append(batch)
        _wake(key)

    def _work(self, worker: _Worker, seconds: float) -> Steps:
        """Wait for a vCPU, and keep it for *seconds*."""
        if not seconds:
            return
        with worker.vcpus.request() as turn:
            yield turn
            if worker.lost:  # the wait was in vain
                return
            self._note_busy(1)
            yield self._env.timeout(seconds)
            self._note_busy(-1)

    def _note_busy(self, more: int) -> None:
        self._busy_seconds += self._busy * (self._env.now - self._busy_noted_at)
        self._busy_noted_at = self._env.now
        self._busy += more

    def _serve(self, key: _Key) -> Steps:
        """Run the bundles of one key, one after the other."""
        while True:
            yield from self._until_ready(key)
            taken = self._taken(key)
            appends = bool(key.head) and self._env.now >= key.retry_at
            size = sum(events for _, events in taken)
            worker = key.worker
            yield from self._work(worker, self._costs.bundle_seconds + size * self._costs.keyed_seconds)
            if appends and not worker.lost:
                yield from self._append(key, worker)
            if worker.lost:  # nothing is committed
                key.inbox.extendleft(reversed(taken))
                continue
            key.queue.extend(taken)
            key.waiting += size
            self._decided += size
            yield from self._assign(key, size)

    def _until_ready(self, key: _Key) -> Steps:
        """Wait until a worker has the key, and then until there is something to do."""
        while key.ready_at > self._env.now:
            yield self._env.timeout(key.ready_at - self._env.now)
        while not (key.head and key.retry_at <= self._env.now) and not self._room(key):
            key.woken = self._env.event()
            if key.head:
                yield key.woken | self._env.timeout(key.retry_at - self._env.now)
            else:
                yield key.woken

    def _room(self, key: _Key) -> bool:
        return bool(key.inbox) and key.waiting < self._scenario.most_undecided

    def _taken(self, key: _Key) -> list[Batch]:
        """Take the batches that have arrived, up to the limit of undecided events."""
        taken, size = [], key.waiting
        while key.inbox and size < self._scenario.most_undecided:
            came, events = key.inbox.popleft()
            room = self._scenario.most_undecided - size
            fits = events if events <= room else max(1, int(room))
            if fits < events:
                key.inbox.appendleft((came, events - fits))
            taken.append((came, fits))
            size += fits
        return taken

    def _append(self, key: _Key, worker: _Worker) -> Steps:
        """Append the head; if BigQuery refuses it, retry later."""
        stall = self._scenario.stall
        if stall and stall[0] <= self._env.now < stall[1]:
            key.retry_at = self._env.now + self._costs.retry_seconds
            return
        size = sum(events for _, events in key.head)
        self._service_free = max(self._service_free, self._env.now) + size / self._scenario.appends_a_second
        yield self._env.timeout(self._service_free - self._env.now + self._costs.answer_seconds)
        if worker.lost:  # the rows are written, which only the next attempt finds out
            return
        for came, events in key.head:
            self._written.note(self._env.now - came, events)
        key.waiting -= size
        key.head = []

    def _assign(self, key: _Key, decided: int) -> Steps:
        """Make the oldest page the next head. One commit rewrites the rest of its bag and the events just decided."""
        if key.head or not key.queue:
            return
        moved = self._costs.moved(key.waiting)
        yield from self._work(key.worker, moved * self._costs.rewrite_seconds)
        commit = min(key.waiting, moved + decided) * self._costs.packed_bytes
        self._largest_commit = max(self._largest_commit, commit)
        size = 0.0
        while key.queue and size < self._costs.head_events:
            came, events = key.queue.popleft()
            room = self._costs.head_events - size
            fits = events if events <= room else max(1, int(room))
            if fits < events:
                key.queue.appendleft((came, events - fits))
            key.head.append((came, fits))
            size += fits

    def _lose(self) -> Steps:
        """Lose workers, and give their keys to the others until new workers have started."""
        scenario = self._scenario
        yield self._env.timeout(scenario.lost_at)
        for worker in self._workers[: scenario.lost_workers]:
            worker.lost = True
        self._workers = self._workers[scenario.lost_workers :]
        self._spread(self._env.now + scenario.takeover_seconds)
        yield self._env.timeout(scenario.replacement_seconds)
        self._workers += [self._new_worker() for _ in range(scenario.lost_workers)]
        for number, key in enumerate(self._keys):
            key.worker = self._workers[number % len(self._workers)]

    def _spread(self, ready_at: float) -> None:
        for number, key in enumerate(each for each in self._keys if each.worker.lost):
            key.worker, key.ready_at = self._workers[number % len(self._workers)], ready_at
            _wake(key)

    def _watch(self) -> Steps:
        """Take a sample every few seconds until all events that arrived are written."""
        while True:
            yield self._env.timeout(self._scenario.sample_seconds)
            self._samples.append(self._sample())
            written = self._env.now >= self._scenario.seconds and self._written.events == self._arrived
            if written or self._env.now >= GIVEN_UP * self._scenario.seconds:
                return

    def _sample(self) -> Sample:
        events, middle, high, most = self._written.since_last()
        self._note_busy(0)
        busy, self._busy_seconds = self._busy_seconds / self._scenario.sample_seconds, 0.0
        return Sample(
            seconds=self._env.now,
            arrived=self._arrived,
            decided=self._decided,
            written=self._written.events,
            written_a_second=events / self._scenario.sample_seconds,
            latency_p50=middle,
            latency_p95=high,
            latency_max=most,
            longest_queue=max(key.waiting for key in self._keys),
            busy_vcpus=busy,
        )


def _wake(key: _Key) -> None:
    if key.woken is not None and not key.woken.triggered:
        key.woken.succeed()
