"""A dead letter holds the message as it was, within what Pub/Sub takes."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from headrace.core.dead_letter import MAX_REQUEST_BYTES, PREFIX, DeadLetter, Reason, Sender, publish_letters
from headrace.core.message import Message
from headrace.core.replay_attributes import Replay

SENDER = Sender("a-project", "headrace")
NOW = datetime(2026, 3, 14, tzinfo=UTC)


class Recorder:
    """Keeps the requests that would have gone to Pub/Sub."""

    def __init__(self) -> None:
        self.requests: list[list[Any]] = []

    def publish(self, topic: str, messages: list[Any], **_: Any) -> None:
        self.requests.append(messages)


def a_letter(
    data: bytes = b"data",
    attributes: Mapping[str, str] = {},
    ordering_key: str = "",
    message_id: str = "m1",
) -> DeadLetter:
    message = Message("flights", data, attributes, message_id, 0, ordering_key)
    return DeadLetter(message, Reason.TOO_LATE, "window", "older than late_after allows")


def published(*letters: DeadLetter) -> list[Any]:
    recorder = Recorder()
    publish_letters(recorder, "a topic", letters, SENDER, NOW)  # type: ignore[arg-type]
    return [message for request in recorder.requests for message in request]


def test_bytes_and_attributes_are_unchanged_beside_ours() -> None:
    (letter,) = published(a_letter(b"\x00\xff", {"shop": "7"}))
    original = {name: value for name, value in letter.attributes.items() if not name.startswith(PREFIX)}
    assert (letter.data, original) == (b"\x00\xff", {"shop": "7"})
    assert letter.attributes[f"{PREFIX}reason"] == "too_late"


def test_an_attribute_that_may_not_be_published_is_kept_under_another_name() -> None:
    (letter,) = published(a_letter(attributes={"googclient_schemaencoding": "BINARY"}))
    assert letter.attributes["headrace-dl-original-googclient_schemaencoding"] == "BINARY"
    assert not [name for name in letter.attributes if name.startswith("goog")]


def test_letters_of_several_ordering_keys_go_in_one_request() -> None:
    letters = published(a_letter(ordering_key="a"), a_letter(ordering_key="b"))
    assert [letter.attributes[f"{PREFIX}ordering-key"] for letter in letters] == ["a", "b"]
    assert {letter.ordering_key for letter in letters} == {""}


def test_an_attribute_of_our_own_name_is_kept_beside_ours() -> None:
    (letter,) = published(a_letter(attributes={"headrace-dl-reason": "of an earlier life"}))
    assert letter.attributes[f"{PREFIX}reason"] == "too_late"
    assert letter.attributes["headrace-dl-original-headrace-dl-reason"] == "of an earlier life"


def test_a_letter_of_too_many_attributes_goes_in_pieces_the_events_own_first() -> None:
    many = {f"n{number:03}": "x" for number in range(99)} | {"ce-id": "e1"}
    first, second = published(a_letter(attributes=many))
    assert max(len(first.attributes), len(second.attributes)) <= 100
    assert first.attributes["ce-id"] == "e1"
    assert {name for name in [*first.attributes, *second.attributes] if not name.startswith(PREFIX)} == set(many)
    assert [each.attributes[f"{PREFIX}piece"] for each in (first, second)] == ["1/2", "2/2"]


def test_a_letter_of_too_many_bytes_goes_in_pieces_and_says_what_they_make() -> None:
    data = os.urandom(9_999_000)
    pieces = published(a_letter(data))
    assert b"".join(piece.data for piece in pieces) == data
    for piece in pieces:
        assert type(piece).pb(piece).ByteSize() < MAX_REQUEST_BYTES
        assert piece.attributes[f"{PREFIX}data-bytes"] == str(len(data))
        assert piece.attributes[f"{PREFIX}data-sha256"] == hashlib.sha256(data).hexdigest()


def test_the_same_message_makes_the_same_letter_and_another_makes_another() -> None:
    same, again, other = published(a_letter(), a_letter(), a_letter(message_id="m2"))
    assert same.attributes[f"{PREFIX}id"] == again.attributes[f"{PREFIX}id"] != other.attributes[f"{PREFIX}id"]


def test_a_replayed_message_that_is_refused_again_is_the_same_letter_and_the_next_attempt() -> None:
    #  first published | replayed, refused again
    #  o---------------|----------x--->
    replay = Replay("0" * 20, 1, 5_000_000)
    (letter,) = published(a_letter(attributes={"shop": "7"} | replay.to_attributes()))
    assert letter.attributes[f"{PREFIX}id"] == "0" * 20
    assert letter.attributes[f"{PREFIX}attempt"] == "2"
    assert letter.attributes[f"{PREFIX}first-publish-time"] == "1970-01-01T00:00:05Z"
    assert {name for name in letter.attributes if not name.startswith(PREFIX)} == {"shop"}


def test_requests_stay_within_their_limits() -> None:
    recorder = Recorder()
    letters = [a_letter(bytes(1_000_000)) for _ in range(20)] + [a_letter() for _ in range(1500)]
    publish_letters(recorder, "a topic", letters, SENDER, NOW)  # type: ignore[arg-type]
    sizes = [sum(type(each).pb(each).ByteSize() for each in request) for request in recorder.requests]
    assert max(sizes) <= MAX_REQUEST_BYTES
    assert max(len(request) for request in recorder.requests) <= 1000
    assert sum(len(request) for request in recorder.requests) == 1520
