"""What the broker keeps, counts and forgets. Cases that every Pub/Sub must pass are in tests/conformance."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from google.protobuf.duration_pb2 import Duration

from headrace.dev.broker.broker_errors import BrokerError
from headrace.dev.broker.store import StoreError
from headrace.dev.broker.wire import CreateSnapshotRequest, DeleteTopicRequest, PubsubMessage, Schema, Topic
from tests.dev.broker.local import SUBSCRIPTION, TOPIC, Local, texts

DAY = 86_400


@pytest.fixture
def local(tmp_path: Path) -> Iterator[Local]:
    opened = Local(tmp_path / "broker.db")
    yield opened
    opened.close()


def rows(local: Local, table: str) -> int:
    ((count,),) = local.broker.store.rows(f"SELECT count(*) FROM {table}")
    return int(count)


def retain(local: Local) -> None:
    local.run(local.broker.retention.enforce())


def test_messages_and_acknowledgements_survive_a_restart(local: Local) -> None:
    local.subscribe()
    local.publish("a", "b", "c")
    received = local.pull()
    local.acknowledge(received[1:2])
    local.restart()
    assert texts(local.pull()) == ["a", "c"]


def test_an_ack_id_from_before_a_restart_is_valid(local: Local) -> None:
    local.subscribe()
    local.publish("a")
    received = local.pull()
    local.restart()
    local.acknowledge(received)
    assert local.pull() == []


def test_an_ack_id_from_before_a_seek_is_ignored(local: Local) -> None:
    queue = local.subscribe(retain_acked_messages=True)
    local.publish("a")
    received = local.pull()
    local.call(lambda: local.broker.retention.seek(queue, 0))
    local.acknowledge(received)
    assert texts(local.pull()) == ["a"]


def test_deliveries_are_counted_across_a_restart(local: Local) -> None:
    local.subscribe(retry_policy={"minimum_backoff": Duration(seconds=1), "maximum_backoff": Duration(seconds=4)})
    local.publish("a")
    waits = []
    for _ in range(4):
        refused = local.pull()
        local.refuse(refused)
        local.restart()
        began = local.now
        while not (again := local.pull()):
            local.now += 0.5
        waits.append(local.now - began)
        local.refuse(again)
        local.now += 20.0
    assert waits == [0.0] * 4, "a restart ends the pause, and not the count"
    assert local.broker.store.rows("SELECT count FROM attempts") == [(8,)]


def test_the_backoff_doubles_up_to_its_maximum(local: Local) -> None:
    local.subscribe(retry_policy={"minimum_backoff": Duration(seconds=1), "maximum_backoff": Duration(seconds=4)})
    local.publish("a")
    waits = []
    local.refuse(local.pull())
    for _ in range(4):
        began = local.now
        while not (again := local.pull()):
            local.now += 0.5
        waits.append(local.now - began)
        local.refuse(again)
    assert waits == [1.0, 2.0, 4.0, 4.0]


def test_acknowledged_messages_are_deleted_and_others_kept(local: Local) -> None:
    local.subscribe()
    local.publish(*map(str, range(10)))
    local.acknowledge(local.pull(6))
    retain(local)
    assert rows(local, "messages") == 4
    assert len(local.pull()) == 4


def test_a_message_that_every_subscription_has_acknowledged_is_deleted(local: Local) -> None:
    other = "projects/test/subscriptions/two"
    local.subscribe()
    local.subscribe(other)
    local.publish("a")
    local.acknowledge(local.pull())
    retain(local)
    assert rows(local, "messages") == 1
    local.acknowledge(local.pull(name=other), name=other)
    retain(local)
    assert rows(local, "messages") == 0


def test_a_message_of_a_topic_without_subscriptions_is_deleted(local: Local) -> None:
    local.publish("a")
    retain(local)
    assert rows(local, "messages") == 0


def test_a_message_expires_after_the_subscriptions_retention(local: Local) -> None:
    queue = local.subscribe(message_retention_duration=Duration(seconds=DAY))
    local.publish("a")
    local.now += DAY / 2
    local.publish("b")
    local.now += DAY / 2 + 1
    retain(local)
    assert queue.unacknowledged == 1
    assert texts(local.pull()) == ["b"]


def test_retained_messages_come_back_until_they_expire(local: Local) -> None:
    queue = local.subscribe(retain_acked_messages=True, message_retention_duration=Duration(seconds=DAY))
    local.publish("a")
    local.acknowledge(local.pull())
    local.now += DAY / 2
    local.publish("b")
    local.acknowledge(local.pull())
    local.now += DAY / 2 + 1
    retain(local)
    local.call(lambda: local.broker.retention.seek(queue, 0))
    assert texts(local.pull()) == ["b"]


def test_without_retention_a_seek_brings_back_nothing(local: Local) -> None:
    queue = local.subscribe()
    local.publish("a", "b")
    received = local.pull()
    local.acknowledge(received[1:])
    local.call(lambda: local.broker.retention.seek(queue, 0))
    assert texts(local.pull()) == ["a"]


def test_a_snapshot_keeps_messages_and_expires(local: Local) -> None:
    queue = local.subscribe()
    local.publish("a")
    request = CreateSnapshotRequest(name="projects/test/snapshots/one", subscription=SUBSCRIPTION)
    local.call(lambda: local.broker.snapshots.create(request))
    local.acknowledge(local.pull())
    retain(local)
    local.restart()
    queue = local.queue()
    local.call(lambda: local.broker.snapshots.seek(queue, "projects/test/snapshots/one"))
    assert texts(local.pull()) == ["a"]
    local.acknowledge(local.pull())
    local.now += 8 * DAY
    retain(local)
    assert list(local.broker.snapshots) == []
    retain(local)
    assert rows(local, "messages") == 0


def test_a_snapshot_that_would_soon_expire_is_refused(local: Local) -> None:
    local.subscribe(message_retention_duration=Duration(seconds=14 * DAY))
    local.publish("a")
    local.now += 7 * DAY - 1_800
    request = CreateSnapshotRequest(name="projects/test/snapshots/one", subscription=SUBSCRIPTION)
    with pytest.raises(BrokerError, match="less than an hour"):
        local.call(lambda: local.broker.snapshots.create(request))


def test_a_deleted_revision_keeps_its_place_across_a_restart(local: Local) -> None:
    name = "projects/test/schemas/one"
    fields = [("a", "int"), ("b", "string"), ("c", "long")]
    definitions = [
        json.dumps({"type": "record", "name": "R", "fields": [{"name": each, "type": kind}]}) for each, kind in fields
    ]
    schemas = [Schema(type_=2, definition=each) for each in definitions]
    first = local.call(lambda: local.broker.schemas.create(name, schemas[0]))
    second = local.call(lambda: local.broker.schemas.commit(name, schemas[1]))
    local.call(lambda: local.broker.schemas.commit(name, schemas[2]))
    settings = {"schema": name, "encoding": 2, "last_revision_id": second.revision_id}
    local.call(lambda: local.broker.topics.create(Topic(name=f"{TOPIC}-two", schema_settings=settings)))
    local.call(lambda: local.broker.schemas.delete_revision(f"{name}@{second.revision_id}"))
    local.restart()
    topic = local.broker.topics.get(f"{TOPIC}-two").body
    message = PubsubMessage(data=b"\x02")
    local.broker.schemas.check_messages(topic, [message])
    assert message.attributes["googclient_schemarevisionid"] == first.revision_id
    assert len(local.broker.schemas.revisions(name)) == 2


def test_a_deleted_topic_is_forgotten_with_its_last_subscription(local: Local) -> None:
    local.subscribe()
    local.publish("a")
    request = DeleteTopicRequest(topic=TOPIC)
    local.call(lambda: local.broker.subscriptions.topic_deleted(local.broker.topics.delete(request.topic)))
    retain(local)
    local.restart()
    assert texts(local.pull()) == ["a"]
    local.call(lambda: local.broker.subscriptions.delete(SUBSCRIPTION))
    retain(local)
    assert (rows(local, "topics"), rows(local, "messages")) == (0, 0)


def test_with_a_refused_message_the_later_ones_of_its_key_come_again(local: Local) -> None:
    local.subscribe(enable_message_ordering=True)
    local.publish("a", "b", "c", key="k")
    local.publish("d", key="other")
    received = local.pull()
    local.refuse(received[:1])
    assert texts(local.pull()) == ["a", "b", "c"]


def test_a_message_waits_while_an_earlier_one_of_its_key_is_leased(local: Local) -> None:
    local.subscribe(enable_message_ordering=True)
    local.publish("a", key="k")
    first = local.pull()
    local.publish("b", key="k")
    assert local.pull() == []
    local.acknowledge(first)
    assert texts(local.pull()) == ["b"]


def test_a_detached_subscription_keeps_no_messages(local: Local) -> None:
    local.subscribe()
    local.call(lambda: local.broker.subscriptions.detach(SUBSCRIPTION))
    local.publish("a")
    retain(local)
    assert (rows(local, "messages"), local.queue().unacknowledged) == (0, 0)


def test_a_pull_looks_past_messages_that_do_not_match(local: Local) -> None:
    local.subscribe(filter="attributes:wanted")
    local.publish(*map(str, range(1_000)))
    local.publish(*map(str, range(900)))
    local.publish("a", "b", wanted="")
    assert texts(local.pull(1)) == ["a"]
    assert local.queue().unacknowledged == 2
    assert texts(local.pull(5)) == ["b"]


def test_counts_survive_a_restart(local: Local) -> None:
    local.subscribe()
    local.publish("a", "b")
    local.refuse(local.pull())
    local.acknowledge(local.pull(1))
    local.restart()
    queue = local.queue()
    assert (queue.log.messages, queue.counts.delivered, queue.counts.acknowledged) == (2, 3, 1)
    assert queue.unacknowledged == 1


def test_publish_times_never_go_back(local: Local) -> None:
    local.subscribe()
    local.publish("a")
    local.now -= 3_600
    local.publish("b")
    one, two = local.pull()
    assert one.message.publish_time.ToMicroseconds() <= two.message.publish_time.ToMicroseconds()


def test_one_file_serves_one_broker(local: Local) -> None:
    with pytest.raises(StoreError, match="stop the other broker"):
        Local(local.path)
