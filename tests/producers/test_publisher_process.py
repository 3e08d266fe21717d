"""What becomes of events of Pub/Sub's publisher when a process forks, freezes, is interrupted or ends."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time

import pytest

from tests.support.publish_server import PublishServer
from tests.support.waiting import wait_until

PREAMBLE = """
import asyncio, gc, multiprocessing, os, signal, sys, threading, time
from headrace.producers import AsyncEventProducer, EventProducer, PubSubPublisher
from tests.support.builders import PACKAGE, a_flight
from tests.support.waiting import wait_until

def a_producer(kind=EventProducer, **settings):
    return kind(PubSubPublisher("travel", **settings), source="/s", contracts=PACKAGE)

def publish(producer, name, count):
    return [producer.publish("flight_departed", a_flight(), event_id=f"{name}-{n}") for n in range(count)]

def ended(child):
    assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
"""
SECONDS = 60.0


def ids(pubsub: PublishServer) -> set[str]:
    return {message.attributes["ce-id"] for message in pubsub.messages}


def named(count: int, *names: str) -> set[str]:
    return {f"{name}-{number}" for name in names for number in range(count)}


def in_a_process(code: str, exits: int = 0) -> str:
    done = subprocess.run([sys.executable, "-c", PREAMBLE + code], capture_output=True, text=True, timeout=SECONDS)
    assert done.returncode == exits, done.stderr
    return done.stdout


def test_an_exit_waits_for_requests_under_way_without_a_close(pubsub: PublishServer) -> None:
    in_a_process('publish(a_producer(), "end", 3_000)')
    assert ids(pubsub) == named(3_000, "end")


def test_an_exit_waits_for_an_event_whose_producer_is_gone(pubsub: PublishServer) -> None:
    in_a_process("""
for number in range(20):
    publish(a_producer(batch_seconds=1), f"gone{number}", 1)
    gc.collect()
""")
    assert ids(pubsub) == named(1, *(f"gone{number}" for number in range(20)))


def test_publishers_that_nobody_closes_leave_neither_threads_nor_files(pubsub: PublishServer) -> None:
    out = in_a_process("""
from headrace.producers.transport import scheduler
scheduler.IDLE_SECONDS = 0.1
def resources():
    gc.collect()
    return len(os.listdir("/proc/self/fd")), len(os.listdir("/proc/self/task"))
def use():
    [each.result(30) for each in publish(a_producer(), "some", 10)]
use()
most = [count + 5 for count in resources()]
for _ in range(30):
    use()
wait_until(lambda: all(count <= limit for count, limit in zip(resources(), most)), 20)
print(*(count - limit for count, limit in zip(resources(), most)))
""")
    assert all(int(more) <= 0 for more in out.split()), out


@pytest.mark.parametrize("asks", ["", "os.environ['GRPC_ENABLE_FORK_SUPPORT'] = '1'"])
def test_a_child_that_is_forked_while_threads_publish_sends_its_own_events(pubsub: PublishServer, asks: str) -> None:
    out = in_a_process(f"""{asks}
producer, over, counts = a_producer(), threading.Event(), [0, 0]
def publish_on(place):
    while not over.is_set():
        publish(producer, f"parent{{place}}.{{counts[place]}}", 1)
        counts[place] += 1
        time.sleep(0.0005)
threads = [threading.Thread(target=publish_on, args=(place,)) for place in (0, 1)]
for thread in threads:
    thread.start()
time.sleep(0.2)
for number in range(8):
    child = os.fork()
    if child == 0:
        publish(producer, f"child{{number}}", 20)
        producer.close(30)
        os._exit(0)
    ended(child)
over.set()
for thread in threads:
    thread.join()
producer.close(30)
print(*counts)
""")
    first, second = map(int, out.split())
    assert named(20, *(f"child{number}" for number in range(8))) <= ids(pubsub)
    assert {f"parent0.{n}-0" for n in range(first)} | {f"parent1.{n}-0" for n in range(second)} <= ids(pubsub)


def test_a_fork_waits_for_a_request_that_begins() -> None:
    """A child would inherit a lock of gRPC that nobody unlocks."""
    in_a_process("""
from types import SimpleNamespace
from headrace.producers.transport.publish_calls import PublishCalls
entered, goes_on = threading.Event(), threading.Event()
class Call:
    def add_done_callback(self, done):
        entered.set()
        goes_on.wait()
channel = SimpleNamespace(unary_unary=lambda *_, **__: SimpleNamespace(future=lambda *_, **__: Call()))
calls = PublishCalls(SimpleNamespace(transport=SimpleNamespace(grpc_channel=channel)))
thread = threading.Thread(target=calls.begin, args=("projects/p/topics/t", b"", 1.0, print))
thread.start()
entered.wait()
threading.Timer(0.2, goes_on.set).start()
child = os.fork()
if child == 0:
    os._exit(0 if goes_on.is_set() else 1)
ended(child)
thread.join()
""")


@pytest.mark.parametrize("method", ["fork", "spawn", "forkserver"])
def test_a_multiprocessing_child_sends_its_events_without_a_close(
    pubsub: PublishServer, method: str, tmp_path: object
) -> None:
    with open(f"{tmp_path}/program.py", "w", encoding="utf-8") as program:
        program.write(f"""{PREAMBLE}
producer = a_producer()
def work(number):
    publish(producer, f"child{{number}}", 50)
if __name__ == "__main__":
    publish(producer, "parent", 50)
    context = multiprocessing.get_context("{method}")
    children = [context.Process(target=work, args=(number,)) for number in range(3)]
    for child in children:
        child.start()
    for child in children:
        child.join()
        assert child.exitcode == 0
""")
    subprocess.run(
        [sys.executable, f"{tmp_path}/program.py"],
        check=True,
        timeout=SECONDS,
        cwd=os.getcwd(),
        env={**os.environ, "PYTHONPATH": os.getcwd()},
    )
    assert ids(pubsub) == named(50, "parent", "child0", "child1", "child2")


@pytest.mark.parametrize("before", ["", "publish(producer, 'master', 10)[0].result(30)"])
def test_workers_that_a_server_forks_and_terminates_lose_nothing(pubsub: PublishServer, before: str) -> None:
    """A master loads the application and forks workers, which end by SIGTERM, as gunicorn's do."""
    in_a_process(f"""
producer = a_producer()
{before}
def work(number, ready):
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    publish(producer, f"worker{{number}}", 100)
    os.write(ready, b"1")
    while True:
        time.sleep(1)
reading, writing = os.pipe()
workers = []
for number in range(3):
    worker = os.fork()
    if worker == 0:
        work(number, writing)
    workers.append(worker)
for _ in workers:
    os.read(reading, 1)
for worker in workers:
    os.kill(worker, signal.SIGTERM)
    ended(worker)
""")
    assert named(100, "worker0", "worker1", "worker2") <= ids(pubsub)


def test_workers_with_event_loops_have_rooms_of_their_own(pubsub: PublishServer) -> None:
    """A master makes the asynchronous producer, and each worker runs a loop, as uvicorn's do."""
    in_a_process("""
producer = a_producer(AsyncEventProducer)
async def work(name):
    futures = [await producer.publish("flight_departed", a_flight(), event_id=f"{name}-{n}") for n in range(100)]
    await producer.flush(30)
    assert all(each.done() for each in futures)
asyncio.run(work("master"))
workers = []
for number in range(3):
    worker = os.fork()
    if worker == 0:
        asyncio.run(work(f"worker{number}"))
        sys.exit(0)
    workers.append(worker)
for worker in workers:
    ended(worker)
""")
    assert ids(pubsub) == named(100, "master", "worker0", "worker1", "worker2")


def test_a_process_that_is_frozen_while_it_publishes_goes_on(pubsub: PublishServer) -> None:
    """A function in a cloud is frozen between two invocations; ``tests.publish_faults`` freezes the broker."""
    process = subprocess.Popen(
        [
            sys.executable,
            "-c",
            f"""{PREAMBLE}
with a_producer() as producer:
    for number in range(300):
        publish(producer, f"part{{number}}", 10)
        time.sleep(0.003)
""",
        ]
    )
    try:
        wait_until(lambda: len(pubsub.requests) > 10, SECONDS)
        process.send_signal(signal.SIGSTOP)
        time.sleep(3)
        process.send_signal(signal.SIGCONT)
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()
    assert ids(pubsub) == named(10, *(f"part{number}" for number in range(300)))


def test_an_interrupted_publish_loop_ends_and_loses_nothing_that_it_knows_of(pubsub: PublishServer) -> None:
    for delay in (0.01, 0.03, 0.05):
        process = subprocess.Popen(
            [
                sys.executable,
                "-c",
                f"""{PREAMBLE}
signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell starts what is in the background without it
count = 0
try:
    with a_producer(batch_messages=5) as producer:
        print("ready", flush=True)
        while True:
            publish(producer, "{delay}." + str(count), 1)
            count += 1
except KeyboardInterrupt:
    print(count)
""",
            ],
            stdout=subprocess.PIPE,
            text=True,
        )
        try:
            assert process.stdout is not None
            process.stdout.readline()
            time.sleep(delay)
            process.send_signal(signal.SIGINT)
            out, _ = process.communicate(timeout=SECONDS)
        finally:
            process.kill()
            process.wait()
        assert {f"{delay}.{number}-0" for number in range(int(out))} <= ids(pubsub)


def test_a_hundred_thousand_keys_are_published_once_each_in_little_time(pubsub: PublishServer) -> None:
    out = in_a_process("""
from headrace.producers.transport.dispatcher import Dispatcher
from headrace.producers.transport.limits import Limits
import queue
class Calls:
    def __init__(self):
        self.under_way = queue.SimpleQueue()
        threading.Thread(target=self.answer, daemon=True).start()
    def begin(self, topic, request, seconds, done):
        self.under_way.put(done)
    def answer(self):
        while True:
            self.under_way.get()(Reply)
    def close(self):
        print("closed", flush=True)
class Reply:
    import grpc
    code = grpc.StatusCode.OK
    message_ids = staticmethod(lambda: ["1"])
dispatcher = Dispatcher(Calls(), Limits(), endless=True)
started = time.monotonic()
futures = [dispatcher.add("projects/p/topics/t", b"part", str(n)) for n in range(100_000)]
dispatcher.flush()
assert all(each.result(30) == "1" for each in futures)
print(len(dispatcher._lanes), len(dispatcher._filling) <= 1, time.monotonic() - started)
""")
    lanes, has_few, seconds = out.split()
    assert (lanes, has_few) == ("0", "True")
    assert float(seconds) < SECONDS / 2
