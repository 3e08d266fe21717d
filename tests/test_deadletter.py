"""A dead letter holds the message as it was, within what Pub/Sub takes."""

from __future__ import annotations

import hashlib
from datetime import UTC, datetime
from typing import Any

from stream.deadletter import (
    MAX_FOREIGN_ATTRIBUTES,
    MAX_REQUEST_BYTES,
    PREFIX,
    DeadLetter,
    Reason,
    publish_letters,
)
from stream.message import Message

NOW = datetime(2026, 3, 14, tzinfo=UTC)


class Recorder:
    """Keeps the requests that would have gone to Pub/Sub."""

    def __init__(self) -> None:
        self.requests: list[list[Any]] = []

    def publish(self, topic: str, messages: list[Any], **_: Any) -> None:
        self.requests.append(messages)


def a_letter(data: bytes = b"data", ordering_key: str = "", **attributes: str) -> DeadLetter:
    message = Message("flights", data, attributes, "m1", 0, ordering_key)
    return DeadLetter(message, Reason.TOO_LATE, "window", "older than late_after allows")


def published(*letters: DeadLetter) -> list[Any]:
    recorder = Recorder()
    publish_letters(recorder, "a topic", letters, "headrace", NOW)  # type: ignore[arg-type]
    return [message for request in recorder.requests for message in request]


def test_bytes_and_attributes_are_unchanged_beside_ours() -> None:
    (letter,) = published(a_letter(b"\x00\xff", shop="7"))
    original = {name: value for name, value in letter.attributes.items() if not name.startswith(PREFIX)}
    assert (letter.data, original) == (b"\x00\xff", {"shop": "7"})
    assert letter.attributes[f"{PREFIX}reason"] == "too_late"


def test_an_attribute_that_nobody_may_publish_is_kept_under_another_name() -> None:
    (letter,) = published(a_letter(googclient_schemaencoding="BINARY"))
    assert letter.attributes["headrace-dl-original-googclient_schemaencoding"] == "BINARY"
    assert not [name for name in letter.attributes if name.startswith("goog")]


def test_letters_of_several_ordering_keys_go_in_one_request() -> None:
    letters = published(a_letter(ordering_key="a"), a_letter(ordering_key="b"))
    assert [letter.attributes[f"{PREFIX}ordering-key"] for letter in letters] == ["a", "b"]
    assert {letter.ordering_key for letter in letters} == {""}


def test_of_too_many_attributes_the_events_own_are_kept_and_the_rest_counted() -> None:
    many = {f"n{number:03}": "x" for number in range(99)} | {"ce-id": "e1"}
    (letter,) = published(a_letter(**many))
    assert len(letter.attributes) <= 100
    assert letter.attributes["ce-id"] == "e1"
    assert letter.attributes[f"{PREFIX}left-out"] == str(100 - MAX_FOREIGN_ATTRIBUTES)


def test_data_that_leaves_no_room_is_cut_and_says_so() -> None:
    data = bytes(9_999_000)
    (letter,) = published(a_letter(data))
    assert type(letter).pb(letter).ByteSize() < 10_000_000
    assert letter.attributes[f"{PREFIX}data-bytes"] == str(len(data))
    assert letter.attributes[f"{PREFIX}data-sha256"] == hashlib.sha256(data).hexdigest()


def test_requests_stay_within_their_limits() -> None:
    recorder = Recorder()
    letters = [a_letter(bytes(1_000_000)) for _ in range(20)] + [a_letter() for _ in range(1500)]
    publish_letters(recorder, "a topic", letters, "headrace", NOW)  # type: ignore[arg-type]
    sizes = [sum(type(each).pb(each).ByteSize() for each in request) for request in recorder.requests]
    assert max(sizes) <= MAX_REQUEST_BYTES
    assert max(len(request) for request in recorder.requests) <= 1000
    assert sum(len(request) for request in recorder.requests) == 1520
