"""The futures of a batch: those of the standard library, with one condition for all."""

from __future__ import annotations

import asyncio
import random
import threading
from collections.abc import Sequence
from concurrent.futures import Future, ThreadPoolExecutor, as_completed, wait
from functools import partial
from typing import Any

import pytest

from headrace.producers.transport.batch import Batch, Confirmation
from headrace.producers.transport.lane import Lane
from headrace.producers.transport.limits import Limits

SECONDS = 30.0


def a_batch(count: int) -> tuple[Batch, list[Confirmation]]:
    batch = Batch(Lane("projects/p/topics/t", "", Limits()))
    return batch, [batch.add(b"part") for _ in range(count)]


def confirm(batch: Batch, ids: list[str]) -> None:
    batch.confirm(ids)
    batch.run_callbacks()


def fail(batch: Batch, error: Exception) -> None:
    batch.fail(error)
    batch.run_callbacks()


def test_every_future_gives_the_id_of_its_message() -> None:
    batch, futures = a_batch(3)
    assert not any(future.done() for future in futures)
    confirm(batch, ["a", "b", "c"])
    assert [future.result(0) for future in futures] == ["a", "b", "c"]
    assert [future.exception() for future in futures] == [None] * 3


def test_every_future_raises_the_error_of_its_batch() -> None:
    batch, futures = a_batch(2)
    error = RuntimeError("no broker")
    fail(batch, error)
    assert [future.exception(0) for future in futures] == [error, error]
    with pytest.raises(RuntimeError, match="no broker"):
        futures[1].result()


def test_a_message_that_may_be_sent_cannot_be_cancelled() -> None:
    _, (future,) = a_batch(1)
    assert (future.cancel(), future.cancelled(), future.running()) == (False, False, True)


def test_a_future_that_is_not_settled_times_out() -> None:
    _, (future,) = a_batch(1)
    with pytest.raises(TimeoutError):
        future.result(0.01)
    with pytest.raises(TimeoutError):
        future.exception(0)


def test_a_thread_that_waits_is_not_disturbed_by_the_other_half_of_a_batch() -> None:
    batch, futures = a_batch(4)
    first, second = batch.halves()
    with ThreadPoolExecutor(1) as threads:
        last = threads.submit(futures[3].result, SECONDS)
        confirm(first, ["a", "b"])
        assert futures[1].result(SECONDS) == "b"
        assert not last.done()
        fail(second, RuntimeError("refused"))
        assert type(last.exception(SECONDS)) is RuntimeError
    assert [future.done() for future in futures] == [True] * 4


@pytest.mark.parametrize("count", [2, 3, 7])
def test_halves_hold_every_message_once_and_in_order(count: int) -> None:
    batch, futures = a_batch(count)
    first, second = batch.halves()
    assert [*first.confirmations, *second.confirmations] == futures
    assert (len(first) + len(second), first.size + second.size) == (count, batch.size)
    assert min(len(first), len(second)) >= 1


def test_functions_are_called_once_and_without_a_lock_that_others_need() -> None:
    batch, futures = a_batch(3)
    seen: list[str] = []

    def look(future: Future[str]) -> None:
        reader = threading.Thread(target=lambda: seen.append(futures[2].result(SECONDS)))
        reader.start()
        reader.join(SECONDS)

    futures[0].add_done_callback(look)
    confirm(batch, ["a", "b", "c"])
    futures[1].add_done_callback(lambda future: seen.append(future.result()))
    assert seen == ["c", "b"]


def test_an_error_of_a_function_leaves_the_other_futures_alone() -> None:
    batch, futures = a_batch(2)
    seen: list[str] = []
    futures[0].add_done_callback(lambda _: 1 / 0)
    futures[0].add_done_callback(lambda future: seen.append(future.result()))
    futures[1].add_done_callback(lambda future: seen.append(future.result()))
    confirm(batch, ["a", "b"])
    assert seen == ["a", "b"]


def test_the_standard_librarys_waits_take_them() -> None:
    batch, futures = a_batch(5)
    other, more = a_batch(2)
    with ThreadPoolExecutor(2) as threads:
        waiting = threads.submit(wait, [*futures, *more], SECONDS)
        completing = threads.submit(completed, futures)
        confirm(batch, list("abcde"))
        fail(other, RuntimeError("no broker"))
        assert waiting.result(SECONDS).not_done == set()
        assert completing.result(SECONDS) == set(futures)


def test_asyncio_awaits_them() -> None:
    batch, futures = a_batch(2)

    async def ids() -> list[str]:
        awaited = [asyncio.wrap_future(future) for future in futures]
        threading.Thread(target=confirm, args=(batch, ["a", "b"])).start()
        return list(await asyncio.gather(*awaited))

    assert asyncio.run(ids()) == ["a", "b"]


def completed(futures: Sequence[Future[str]]) -> set[Future[str]]:
    return set(as_completed(futures, SECONDS))


def test_the_standard_library_holds_a_lock_of_each_future_so_none_is_shared() -> None:
    _, futures = a_batch(3)
    conditions: list[Any] = [future._condition for future in futures]
    assert len(set(conditions)) == 3
    assert [future._condition for future in futures] == conditions


def test_threads_that_wait_for_the_same_batches_do_not_wait_for_each_other() -> None:
    """The standard library takes the locks of futures in the order of the futures, whichever batch they are of."""
    for seed in range(30):
        batches = [a_batch(40) for _ in range(3)]
        futures = [future for _, of_one in batches for future in of_one]
        chance = random.Random(seed)
        with ThreadPoolExecutor(8) as threads:
            waits = [
                threads.submit(function, chance.sample(futures, 60))
                for function in (partial(wait, timeout=SECONDS), completed) * 3
            ]
            confirm(batches[0][0], ["1"] * 40)
            fail(batches[1][0], RuntimeError("no broker"))
            first, second = batches[2][0].halves()
            confirm(second, ["1"] * 20)
            confirm(first, ["1"] * 20)
            assert [type(each.exception(SECONDS)) for each in waits] == [type(None)] * 6


@pytest.mark.parametrize("end", [SystemExit, KeyboardInterrupt, asyncio.CancelledError])
def test_a_function_that_would_end_its_thread_leaves_the_other_futures_alone(end: type[BaseException]) -> None:
    batch, futures = a_batch(2)
    seen: list[str] = []

    def leave(_: Future[str]) -> None:
        raise end

    futures[0].add_done_callback(leave)
    futures[1].add_done_callback(lambda future: seen.append(future.result()))
    confirm(batch, ["a", "b"])
    assert seen == ["b"]
