"""What an application may rely on when its producer has an outbox."""

from __future__ import annotations

import logging
import stat
import threading
from concurrent.futures import Future
from pathlib import Path

import pytest
from google.api_core.exceptions import InvalidArgument

from headrace.producers import EventProducer, ProducerClosedError, PublishError, PubSubPublisher
from headrace.producers.outbox import NotSentError, Outbox, OutboxError, OutboxFullError
from headrace.producers.testing import FakePublisher
from tests.support.builders import PACKAGE, a_flight
from tests.support.outboxes import SECONDS, Broker, an_outbox, numbers, put, rows
from tests.support.waiting import wait_until


@pytest.fixture
def file(tmp_path: Path) -> Path:
    return tmp_path / "orders.outbox"


def a_producer(publisher: FakePublisher, outbox: Outbox | Path) -> EventProducer:
    return EventProducer(publisher, source="/checkout", contracts=PACKAGE, outbox=outbox)


@pytest.mark.parametrize("synchronous", ["FULL", "NORMAL"])
def test_a_durable_event_is_published_as_any_other_and_leaves_the_file(file: Path, synchronous: str) -> None:
    durable, plain = FakePublisher(), FakePublisher()
    with a_producer(durable, Outbox(file, synchronous=synchronous)) as producer:
        future = producer.publish("flight_departed", a_flight(), event_id="e-1", ordering_key="k")
        assert future.result(SECONDS) == "1"
    EventProducer(plain, source="/checkout", contracts=PACKAGE).publish(
        "flight_departed", a_flight(), event_id="e-1", ordering_key="k"
    )
    assert durable.messages == plain.messages
    assert rows(file) == []


def test_publish_returns_while_the_broker_is_away_and_the_same_id_arrives_later(file: Path) -> None:
    broker = Broker()
    broker.is_away = True
    with a_producer(broker, file) as producer:
        future = producer.publish("flight_departed", a_flight(), event_id="e-1")
        wait_until(lambda: broker.tried > 1)
        assert not future.done()
        broker.is_away = False
        future.result(SECONDS)
    assert [each.attributes["ce-id"] for each in broker.messages] == ["e-1"]


def test_single_events_can_be_durable_or_not(file: Path) -> None:
    broker = Broker()
    broker.is_away = True
    producer = a_producer(broker, file)
    producer.publish("flight_departed", a_flight(), durable=True)
    assert isinstance(producer.publish("flight_departed", a_flight(), durable=False).exception(SECONDS), Exception)
    with pytest.raises(PublishError, match="1 event was not published"):
        producer.close()
    assert len(rows(file)) == 1


def test_a_durable_event_needs_an_outbox() -> None:
    producer = EventProducer(FakePublisher(), source="/s", contracts=PACKAGE)
    with pytest.raises(ValueError, match=r"durable: this producer has no outbox; make it with EventProducer\(outbox"):
        producer.publish("flight_departed", a_flight(), durable=True)


def test_a_wrong_event_is_refused_before_it_is_in_the_file(file: Path) -> None:
    with a_producer(Broker(), file) as producer, pytest.raises(ValueError, match="carrier"):
        producer.publish("flight_departed", a_flight(carrier=7))
    assert rows(file, "SELECT next FROM counters") == [(1,)]


def test_an_ordering_key_without_an_ordered_publisher_is_refused_at_once(file: Path) -> None:
    with (
        EventProducer(PubSubPublisher("p"), source="/s", contracts=PACKAGE, outbox=file) as producer,
        pytest.raises(ValueError, match=r"ordering_key: this publisher is not ordered; make it with PubSubPublisher"),
    ):
        producer.publish("flight_departed", a_flight(), ordering_key="k")


def test_only_the_owner_may_read_the_files(file: Path) -> None:
    outbox = an_outbox(file)
    put(outbox, b"1")
    found = {each.name: stat.S_IMODE(each.stat().st_mode) for each in file.parent.iterdir()}
    assert {"orders.outbox", "orders.outbox-wal", "orders.outbox-shm"} < found.keys()
    assert set(found.values()) == {0o600}
    outbox.close()


def test_close_leaves_what_is_not_sent_and_logs_how_much(file: Path, caplog: pytest.LogCaptureFixture) -> None:
    broker = Broker()
    broker.is_away = True
    producer = a_producer(broker, file)
    for _ in range(3):
        producer.publish("flight_departed", a_flight())
    with caplog.at_level(logging.WARNING):
        producer.close(timeout=0)
    assert "3 events are not sent yet, and safe in the file" in caplog.text
    assert len(rows(file)) == 3
    with pytest.raises(ProducerClosedError):
        producer.publish("flight_departed", a_flight())


def test_the_next_producer_sends_what_the_last_one_left(file: Path) -> None:
    away, broker = Broker(), Broker()
    away.is_away = True
    outbox = an_outbox(file, away)
    for each in numbers(1000):
        put(outbox, each)
    assert outbox.close() == 1000
    outbox = an_outbox(file, broker)
    outbox.wait(SECONDS)
    wait_until(lambda: rows(file) == [])
    assert broker.payloads == numbers(1000)
    outbox.close()


def test_flush_waits_for_delivery_and_says_what_is_not_delivered(file: Path) -> None:
    broker = Broker()
    broker.is_away = True
    producer = a_producer(broker, file)
    producer.publish("flight_departed", a_flight())
    with pytest.raises(NotSentError, match="1 event is not sent yet, and safe in the file"):
        producer.flush(timeout=0.05)
    broker.is_away = False
    producer.flush(SECONDS)
    assert len(broker.messages) == 1
    producer.close()


def test_a_full_outbox_blocks_until_there_is_room(file: Path) -> None:
    broker = Broker()
    broker.is_away = True
    outbox = an_outbox(file, broker, max_messages=2, full_seconds=SECONDS)
    for each in numbers(2):
        put(outbox, each)
    late = threading.Thread(target=put, args=(outbox, b"2"))
    late.start()
    late.join(0.2)
    assert late.is_alive()
    broker.is_away = False
    late.join(SECONDS)
    assert not late.is_alive()
    outbox.wait(SECONDS)
    assert broker.payloads == numbers(3)
    outbox.close()


@pytest.mark.parametrize("limits", [{"max_messages": 2}, {"max_bytes": 60}])
def test_an_outbox_that_stays_full_refuses_and_keeps_what_it_has(file: Path, limits: dict[str, int]) -> None:
    broker = Broker()
    broker.is_away = True
    outbox = an_outbox(file, broker, full_seconds=0.1, **limits)
    for each in numbers(2):
        put(outbox, each)
    with pytest.raises(
        OutboxFullError, match=r"full for 0 s; let it be sent, or give the outbox a larger max_messages"
    ):
        put(outbox, b"2")
    assert outbox.close() == 2


def test_events_of_an_ordering_key_arrive_in_their_order_through_outages(file: Path) -> None:
    broker = Broker(batch=7)
    outbox = an_outbox(file, broker)
    for number, each in enumerate(numbers(300)):
        broker.is_away = number % 50 > 25
        put(outbox, each, f"key-{number % 3}")
    broker.is_away = False
    outbox.wait(SECONDS)
    for key in range(3):
        seen = list(dict.fromkeys(int(each.data) for each in broker.messages if each.ordering_key == f"key-{key}"))
        assert seen == list(range(key, 300, 3))
    outbox.close()


def test_a_refused_message_is_kept_and_does_not_block_the_others(file: Path) -> None:
    broker = Broker(poison=b"50", batch=20)
    outbox = an_outbox(file, broker)
    futures = [put(outbox, each) for each in numbers(100)]
    with pytest.raises(PublishError, match=r"1 event was refused by Pub/Sub \(InvalidArgument\), and kept in the file"):
        outbox.wait(SECONDS)
    assert sorted(map(int, set(broker.payloads))) == [each for each in range(100) if each != 50]
    with pytest.raises(InvalidArgument):
        futures[50].result(SECONDS)
    assert futures[51].result(SECONDS)
    assert rows(file, "SELECT number, error FROM refused") == [(51, "InvalidArgument")]
    assert outbox.close() == 0


class OneTopicError(Exception):
    pass


class OneTopic(FakePublisher):
    """Only one of the subjects has a topic."""

    def publish(self, subject: str, data: bytes, attributes: dict[str, str], ordering_key: str) -> Future[str]:
        self.failure = OneTopicError("no such topic") if subject == "nowhere" else None
        return super().publish(subject, data, attributes, ordering_key)


def test_a_subject_without_a_topic_does_not_block_another(file: Path) -> None:
    publisher = OneTopic()
    outbox = an_outbox(file, publisher)
    for each in numbers(20):
        put(outbox, each, subject="nowhere")
        put(outbox, each)
    wait_until(lambda: len(publisher.messages) == 20)
    wait_until(lambda: rows(file, "SELECT error FROM subjects WHERE name = 'nowhere'") == [("OneTopicError",)])
    assert outbox.close() == 20


def test_a_future_that_only_a_callback_waits_for_settles(file: Path) -> None:
    broker = Broker()
    broker.is_away = True
    outbox = an_outbox(file, broker)
    done = threading.Event()
    put(outbox, b"1").add_done_callback(lambda _: done.set())
    broker.is_away = False
    assert done.wait(SECONDS)
    outbox.close()


def test_another_file_is_not_touched(file: Path) -> None:
    file.write_bytes(b"id,amount\n1,12\n" * 300)
    file.chmod(0o600)
    before = file.read_bytes()
    with pytest.raises(OutboxError, match="not an SQLite file; name a new file for the outbox"):
        an_outbox(file)
    assert file.read_bytes() == before


def test_another_programs_database_is_not_touched(file: Path) -> None:
    rows(file, "CREATE TABLE orders (id)")
    file.chmod(0o600)
    with pytest.raises(OutboxError, match="an SQLite database, but not an outbox"):
        an_outbox(file)
    assert rows(file, "SELECT name FROM sqlite_master") == [("orders",)]


def test_a_file_of_another_format_is_refused(file: Path) -> None:
    an_outbox(file).close()
    rows(file, "PRAGMA user_version = 9")
    with pytest.raises(OutboxError, match="an outbox of format 9, this release has 1; send what it holds with"):
        an_outbox(file)


def test_a_file_that_others_can_read_is_refused(file: Path) -> None:
    file.touch(0o644)
    with pytest.raises(OutboxError, match="other accounts may read or write it; run chmod 600"):
        an_outbox(file)


def test_a_symbolic_link_is_refused(file: Path) -> None:
    file.symlink_to(file.with_name("other"))
    with pytest.raises(OutboxError, match="a symbolic link"):
        an_outbox(file)


def test_a_folder_that_is_missing_is_named(tmp_path: Path) -> None:
    with pytest.raises(OutboxError, match="cannot be created"):
        an_outbox(tmp_path / "missing" / "orders.outbox")


def test_many_threads_lose_nothing(file: Path) -> None:
    broker = Broker()
    outbox = an_outbox(file, broker)
    threads = [
        threading.Thread(target=lambda thread=thread: [put(outbox, b"%d-%d" % (thread, n)) for n in range(100)])
        for thread in range(16)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    outbox.wait(SECONDS)
    assert len(set(broker.payloads)) == len(broker.payloads) == 1600
    assert rows(file, "SELECT messages, bytes FROM counters") == [(0, 0)]
    outbox.close()
