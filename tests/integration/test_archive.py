"""Dead letters in their archive: collected once, found, and opened as they were, on the emulators."""

from __future__ import annotations

import os
import signal
import subprocess
import threading
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from google.pubsub_v1.types import PubsubMessage

from headrace.config.key_files import write_key_file
from headrace.config.settings import Settings
from headrace.console.archive_access import open_archive, open_collector, open_reader
from headrace.core.dead_letter import DeadLetter, Reason, Sender, publish_letters
from headrace.core.message import Message
from headrace.dead_letters.archive_key import ArchiveKey, SealedError
from headrace.dead_letters.archive_reader import ArchiveReader
from headrace.dead_letters.collector import Collector
from headrace.dead_letters.facts import Action, Fact, State
from headrace.dead_letters.filters import Filter
from headrace.dead_letters.letter import Letter
from headrace.provision import Clients, apply, plan
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber
from headrace.runtime.processes import tied
from headrace.schemas.registry import Registry
from headrace.schemas.samples import SAMPLES
from tests.support.jobs import COMMAND, wait_for

pytestmark = pytest.mark.emulators
NOW = datetime.now(UTC).replace(hour=15, minute=9, second=26, microsecond=0) - timedelta(days=1)


class Post:
    """A provisioned project, what publishes letters to it, and the archive."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.publisher = open_gapic_publisher()
        clients = Clients(self.publisher, open_subscriber(), open_bigquery(settings.project))
        apply(plan(Registry.load(SAMPLES), settings.names, "EU", clients))
        self.collector: Collector = open_collector(settings, threading.Event())
        self.archive, self.reader = open_archive(settings), open_reader(settings)

    def send(self, *letters: DeadLetter, at: datetime = NOW) -> None:
        sender = Sender(self.settings.project, "a-job", "1.2.3")
        publish_letters(self.publisher, self.settings.names.dead_letter_topic, letters, sender, at)

    def collect(self, messages: int) -> None:
        while self.collector.collected < messages:
            self.collector.collect()

    def only(self) -> Letter:
        (kept,) = self.reader.read(self.reader.ids(Filter()))
        return kept.refused

    def did(self, letter: Letter, action: Action, edited: Letter | None = None) -> None:
        self.archive.append_facts(
            [Fact(letter.id, letter.attempt, action, datetime.now(UTC), "me", "an-op", "", edited)]
        )


@pytest.fixture
def post(project: str, tmp_path: Path) -> Post:
    key = write_key_file(tmp_path / "archive.key", os.urandom(32))
    return Post(Settings(project=project, archive_key_file=key))


def test_letters_go_on_to_a_recreated_archive(post: Post) -> None:
    post.send(a_letter("before"))
    post.collect(1)
    client = open_bigquery(post.settings.project)
    client.delete_dataset(f"{post.settings.project}.{post.settings.archive_dataset}", delete_contents=True)
    clients = Clients(post.publisher, open_subscriber(), client)
    apply(plan(Registry.load(SAMPLES), post.settings.names, "EU", clients))

    post.send(a_letter("after"))
    post.collect(2)
    assert post.only().attributes["ce-id"] == "after"


def a_letter(
    name: str = "m1",
    reason: Reason = Reason.TOO_LATE,
    data: bytes = b"\x00\xff",
    more: Mapping[str, str] = {},
) -> DeadLetter:
    attributes = {"ce-id": name, "ce-source": "/shop", "ce-dataschema": "headrace:booking_created:9", **more}
    return DeadLetter(Message("booking_created", data, attributes, name, 1_000_000), reason, "window", "why it was")


def test_a_letter_comes_back_as_it_was(post: Post) -> None:
    post.send(a_letter(more={"shop": "7", "googclient_x": "y"}))
    post.collect(1)
    letter = post.only()
    assert letter.data == b"\x00\xff"
    assert letter.attributes == {
        "ce-id": "m1",
        "ce-source": "/shop",
        "ce-dataschema": "headrace:booking_created:9",
        "shop": "7",
        "googclient_x": "y",
    }
    assert (letter.reason, letter.refused_at, letter.pipeline, letter.version) == ("too_late", NOW, "a-job", "1.2.3")
    assert letter.source_subscription.endswith("headrace-booking_created")


def test_a_letter_that_is_published_twice_is_one(post: Post) -> None:
    post.send(a_letter(), a_letter())
    post.collect(2)
    assert len(post.reader.find(Filter(), 10)) == post.reader.count(Filter()) == 1
    post.only()


def test_a_letter_in_pieces_comes_back_whole(post: Post) -> None:
    data, many = os.urandom(9_900_000), {f"n{number}": "x" for number in range(90)}
    post.send(a_letter(data=data, more=many))
    post.collect(2)
    letter = post.only()
    assert letter.data == data
    assert len(letter.attributes) == 93


def test_letters_are_found_by_their_properties(post: Post) -> None:
    hour = timedelta(hours=1)
    post.send(a_letter("a"), a_letter("b", Reason.UNKNOWN_SCHEMA), at=NOW)
    post.send(a_letter("c"), at=NOW + hour)
    post.collect(3)

    def found(**wanted: Any) -> list[str]:
        return [each.event_id for each in post.reader.find(Filter(**wanted), 10)]

    assert set(found()) == {"a", "b", "c"}
    assert found(reasons=("unknown_schema",)) == ["b"]
    assert found(since=NOW + hour / 2) == ["c"]
    assert set(found(until=NOW + hour / 2)) == {"a", "b"}
    assert found(subjects=("flight_departed",)) == found(sources=("/elsewhere",)) == found(text="no such") == []
    assert len(found(claimed=("headrace:booking_created:9",), sources=("/shop",), text="WHY", states=("open",))) == 3
    (listed,) = post.reader.find(Filter(reasons=("unknown_schema",)), 10)
    assert [each.letter_id for each in post.reader.find(Filter(ids=(listed.letter_id[:6],)), 10)] == [listed.letter_id]


def test_letters_are_counted_in_groups(post: Post) -> None:
    post.send(a_letter("a"), a_letter("b"), a_letter("c", Reason.UNKNOWN_SCHEMA))
    post.collect(3)
    groups = post.reader.group(Filter(), ["reason", "subject", "hour"])
    assert [(dict(group.by)["reason"], group.letters) for group in groups] == [("too_late", 2), ("unknown_schema", 1)]
    assert dict(groups[0].by)["hour"].startswith(f"{NOW.date()}T15:00:00")


def test_a_separate_collector_runs_until_it_is_stopped(post: Post, tmp_path: Path) -> None:
    post.send(a_letter())
    settings = {"HEADRACE_PROJECT": post.settings.project}
    environment = {**os.environ, **settings, "HEADRACE_ARCHIVE_KEY_FILE": str(post.settings.archive_key_file)}
    log = tmp_path / "collector.log"
    with log.open("wb") as output:
        collector = subprocess.Popen(
            tied([*COMMAND, "dead-letters", "collect"]), env=environment, stdout=output, stderr=output
        )
    try:
        wait_for(lambda: collector.poll() is not None or post.reader.count(Filter()) == 1, 60)
        collector.send_signal(signal.SIGTERM)
        assert collector.wait(30) == 0, log.read_text()
    finally:
        collector.kill()
        collector.wait()
    assert post.only().data == b"\x00\xff"
    assert "stopped" in log.read_text()


def test_what_is_done_with_a_letter_is_its_state_until_it_is_refused_again(post: Post) -> None:
    #  refused | replayed | refused again | discarded
    post.send(a_letter())
    post.collect(1)
    letter = post.only()

    def states() -> list[State]:
        return [each.state for each in post.reader.find(Filter(), 10)]

    assert states() == [State.OPEN]
    post.did(letter, Action.REPLAYED)
    assert states() == [State.REPLAYED]
    post.send(a_letter(more=letter.replay.to_attributes()))
    post.collect(2)
    again = post.only()
    assert (again.id, again.attempt, again.first_published_at) == (letter.id, 2, letter.first_published_at)
    assert states() == [State.OPEN]
    post.did(again, Action.DISCARDED)
    assert states() == [State.DISCARDED]
    assert [each["attempt"] for each in post.reader.attempts(letter.id)] == [1, 2]
    assert [each["action"] for each in post.reader.facts(letter.id)] == ["replayed", "discarded"]


def test_an_edited_letter_is_kept_beside_what_was_refused(post: Post) -> None:
    post.send(a_letter())
    post.collect(1)
    letter = post.only()
    edited = Letter(**{name: getattr(letter, name) for name in Letter.__slots__} | {"data": b"better"})
    post.did(letter, Action.EDITED, edited)
    (kept,) = post.reader.read([letter.id])
    assert (kept.refused.data, kept.current.data) == (b"\x00\xff", b"better")
    assert post.reader.find(Filter(), 1)[0].edited

    post.did(letter, Action.REPLAYED)
    post.send(a_letter(more=letter.replay.to_attributes()))
    post.collect(2)
    (again,) = post.reader.read([letter.id])
    assert again.edited is None, "the edit was of the attempt before"
    assert not post.reader.find(Filter(), 1)[0].edited


def test_what_pubsub_itself_put_aside_is_in_the_same_list(post: Post) -> None:
    attributes = {
        "ce-id": "e1",
        "CloudPubSubDeadLetterSourceSubscription": "headrace-booking_created",
        "CloudPubSubDeadLetterSourceDeliveryCount": "5",
        "CloudPubSubDeadLetterSourceTopicPublishTime": "2026-03-14T15:09:26.535Z",
    }
    foreign = [PubsubMessage(data=b"x", attributes=attributes), PubsubMessage(data=b"y", attributes={"actor": "knows"})]
    post.publisher.publish(topic=post.settings.names.dead_letter_topic, messages=foreign)
    post.collect(2)
    letters = {each.reason: each for each in (kept.refused for kept in post.reader.read(post.reader.ids(Filter())))}
    forwarded = letters[Reason.UNDELIVERED]
    assert (forwarded.subject, forwarded.attributes, forwarded.data) == ("booking_created", {"ce-id": "e1"}, b"x")
    assert forwarded.published_at == datetime(2026, 3, 14, 15, 9, 26, 535_000, UTC)
    assert letters[Reason.UNEXPLAINED].attributes == {"actor": "knows"}


def test_the_archive_holds_nothing_raw_and_another_key_opens_nothing(post: Post) -> None:
    post.send(a_letter(data=b"a secret of somebody", more={"shop": "another secret"}))
    post.collect(1)
    rows = post.reader.client.query_and_wait(f"SELECT * FROM {post.reader.names.sql('letters')}")
    assert "secret" not in str([dict(row) for row in rows])
    assert "secret" not in repr(post.only())
    other = ArchiveReader(post.reader.client, post.reader.names, ArchiveKey.of(b"other" * 8))
    with pytest.raises(SealedError, match="archive_key_file"):
        list(other.read(other.ids(Filter())))
