"""What becomes of events when a process forks or ends."""

from __future__ import annotations

import subprocess
import sys
from typing import Final

PREAMBLE = """
import concurrent.futures, os, sys, threading
from multiprocessing import get_context
from headrace.producers import EventProducer, process_end
from headrace.producers.testing import FakePublisher
from tests.support.builders import PACKAGE, a_flight

class Late(FakePublisher):
    '''Confirms from another thread, once the main one is at its end; prints what it confirmed.'''
    def publish(self, *message):
        super().publish(*message)
        future = concurrent.futures.Future()
        def confirm():
            threading.main_thread().join(0.2)
            print("confirmed", flush=True)
            future.set_result("1")
        threading.Thread(target=confirm, daemon=True).start()
        return future

class Stuck(FakePublisher):
    def publish(self, *message):
        super().publish(*message)
        return concurrent.futures.Future()

def a_producer(publisher):
    return EventProducer(publisher, source="/s", contracts=PACKAGE)
"""


def in_a_process(code: str, exits: int = 0) -> subprocess.CompletedProcess[str]:
    done = subprocess.run([sys.executable, "-c", PREAMBLE + code], capture_output=True, text=True, timeout=60)
    assert done.returncode == exits, done.stderr
    return done


NO_THREADS_AT_EXIT: Final = ((3, 12, 0), (3, 12, 1))  # later ones allow it again
LOOK: Final = """
import sys
from typing import Final
names = ("apache_beam", "pyarrow", "headrace.core", "google.protobuf", "google.api_core", "grpc")
print([name for name in names if name in sys.modules])
"""


def test_the_sdk_with_a_fake_imports_neither_beam_nor_arrow_nor_the_job_nor_a_google_client() -> None:
    done = in_a_process(f"""
with a_producer(FakePublisher()) as producer:
    producer.publish("flight_departed", a_flight())
{LOOK}""")
    assert done.stdout.strip() == "[]"


def test_making_a_publisher_of_pub_sub_imports_the_client_before_the_first_event() -> None:
    done = in_a_process(f"from headrace.producers import PubSubPublisher; PubSubPublisher('a-project')\n{LOOK}")
    assert done.stdout.strip() == "['google.protobuf', 'google.api_core', 'grpc']"


def test_an_exit_waits_for_events_in_flight() -> None:
    done = in_a_process("""
producer = a_producer(Late())
producer.publish("flight_departed", a_flight())
""")
    assert (done.stdout, done.stderr) == ("confirmed\n", "")


def test_an_event_of_an_exit_hook_that_runs_after_ours_arrives_too() -> None:
    code = """
import atexit
atexit.register(lambda: a_producer(Late()).publish("flight_departed", a_flight()))
"""
    done = subprocess.run([sys.executable, "-c", code + PREAMBLE], capture_output=True, text=True, timeout=60)
    if sys.version_info[:3] in NO_THREADS_AT_EXIT:
        assert "RuntimeError: can't create new thread at interpreter shutdown" in done.stderr, "and nothing is silent"
    else:
        assert (done.returncode, done.stdout, done.stderr) == (0, "confirmed\n", "")


def test_an_event_of_a_late_exit_hook_that_is_not_confirmed_is_reported() -> None:
    code = """
import atexit
atexit.register(lambda: a_producer(Stuck()).publish("flight_departed", a_flight()))
"""
    short = "process_end.FLUSH_SECONDS = 0.1"
    done = subprocess.run([sys.executable, "-c", code + PREAMBLE + short], capture_output=True, text=True, timeout=60)
    assert done.stderr == "at exit: 1 event is still under way and may arrive yet\n"


def test_an_exit_waits_for_the_events_of_a_collected_producer() -> None:
    done = in_a_process("""
a_producer(Late()).publish("flight_departed", a_flight())
""")
    assert done.stdout == "confirmed\n"


def test_an_exit_by_an_error_waits_too() -> None:
    done = in_a_process(
        """
a_producer(Late()).publish("flight_departed", a_flight())
sys.exit("out of order")
""",
        exits=1,
    )
    assert (done.stdout, done.stderr) == ("confirmed\n", "out of order\n")


def test_an_exit_does_not_wait_forever_and_reports_how_many_were_lost() -> None:
    done = in_a_process("""
process_end.FLUSH_SECONDS = 0.1
stuck, failing = a_producer(Stuck()), FakePublisher()
for _ in range(2):
    stuck.publish("flight_departed", a_flight())
failing.failure = RuntimeError("no broker")
a_producer(failing).publish("flight_departed", a_flight())
""")
    assert sorted(done.stderr.splitlines()) == [
        "at exit: 1 event was not published (RuntimeError); publish what failed again, with the same ids",
        "at exit: 2 events are still under way and may arrive yet",
    ]


def test_a_multiprocessing_child_waits_for_its_own_events() -> None:
    done = in_a_process("""
parent = a_producer(Stuck())
parent.publish("flight_departed", a_flight())
child = get_context("fork").Process(target=lambda: a_producer(Late()).publish("flight_departed", a_flight()))
child.start()
child.join()
print(child.exitcode, flush=True)
os._exit(0)
""")
    assert done.stdout == "confirmed\n0\n"


def test_a_forked_child_waits_for_its_own_events_and_not_for_its_parents() -> None:
    done = in_a_process("""
late = Stuck()
producer = a_producer(late)
producer.publish("flight_departed", a_flight())
pid = os.fork()
if pid == 0:
    producer.flush(timeout=0)
    producer._core.publisher = Late()
    producer.publish("flight_departed", a_flight())
    sys.exit(0)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]), flush=True)
os._exit(0)
""")
    assert done.stdout == "confirmed\n0\n"


def test_a_fork_in_the_middle_of_a_publish_leaves_no_lock_behind() -> None:
    done = in_a_process("""
producer = a_producer(FakePublisher())
over = threading.Event()
def publish_on():
    while not over.is_set():
        producer.publish("flight_departed", a_flight())
threads = [threading.Thread(target=publish_on, daemon=True) for _ in range(4)]
for thread in threads:
    thread.start()
for _ in range(100):
    pid = os.fork()
    if pid == 0:
        producer.publish("flight_departed", a_flight())
        producer.close()
        os._exit(0)
    assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 0
over.set()
print("done")
""")
    assert done.stdout == "done\n"


def test_a_producer_closed_before_the_fork_stays_closed() -> None:
    done = in_a_process("""
from headrace.producers import ProducerClosedError
producer = a_producer(FakePublisher())
producer.close()
pid = os.fork()
if pid == 0:
    try:
        producer.publish("flight_departed", a_flight())
    except ProducerClosedError:
        os._exit(7)
print(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]))
""")
    assert done.stdout == "7\n"
