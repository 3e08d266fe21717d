"""Failures of calls in words: what is missing, which permission is needed, and what to do."""

from __future__ import annotations

import threading
from typing import Any

import pytest
from google.api_core import exceptions as api
from google.auth.exceptions import DefaultCredentialsError, RefreshError, TransportError
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import ReadTimeout

from headrace.engine.journal_errors import DiskFullError
from headrace.engine.retry import RetryPolicy, StoppedError
from headrace.engine.status import SubjectStatus
from headrace.runtime.call_failures import in_words, plain
from headrace.runtime.retry_policy import RETRYABLE, RetryableError

TOPIC = "projects/p/topics/t"
NEED = f"{TOPIC}: the job needs roles/pubsub.publisher on it; `headrace provision` makes it"
PATH = "projects/p/datasets/d/tables/things"
AWAY = [
    api.ServiceUnavailable("x"),
    api.DeadlineExceeded("x"),
    api.RetryError("x", None),
    RequestsConnectionError(),
    ReadTimeout(),
    TimeoutError(),
    TransportError("x"),
]


@pytest.mark.parametrize("error", AWAY, ids=repr)
def test_trouble_of_the_network_is_not_reported_as_a_missing_permission(error: Exception) -> None:
    assert in_words(error, NEED) == f"{TOPIC}: the service does not answer; it is tried again"


@pytest.mark.parametrize("error", [api.Forbidden("x"), api.PermissionDenied("x")], ids=repr)
def test_a_missing_permission_is_named_and_provision_is_no_remedy_for_it(error: Exception) -> None:
    message = f"{TOPIC}: permission denied; the job needs roles/pubsub.publisher on it (docs/permissions.md)"
    assert in_words(error, NEED) == message


@pytest.mark.parametrize("error", [DefaultCredentialsError("x"), RefreshError("x"), api.Unauthenticated("x")], ids=repr)
def test_missing_credentials_are_no_missing_permission(error: Exception) -> None:
    message = in_words(error, NEED)
    assert message.startswith(f"{TOPIC}: no valid credentials; sign in")
    assert "roles/pubsub.publisher" in message


@pytest.mark.parametrize(
    ("place", "what"),
    [
        (TOPIC, f"{TOPIC}: the topic"),
        ("projects/p/subscriptions/s", "projects/p/subscriptions/s: the subscription"),
        (PATH, "p.d.things: the table"),
        ("`p.d.things`", "p.d.things: the table"),
        ("headrace_engines", "headrace_engines: the resource"),
    ],
)
def test_a_missing_resource_is_named_in_the_same_way_by_every_caller(place: str, what: str) -> None:
    need = f"{place}: the job needs a permission on it; `headrace provision` makes it"
    assert in_words(api.NotFound("x"), need) == f"{what} does not exist; `headrace provision` creates it"


def test_a_place_is_not_reported_missing_when_something_else_may_be() -> None:
    need = f"{PATH}: its new stream cannot be announced; `headrace provision` makes tables and columns"
    assert in_words(api.NotFound("x"), need) == (
        "p.d.things: its new stream cannot be announced: something that it needs does not exist; "
        "`headrace provision` creates it"
    )


def test_an_unexpected_answer_is_reported_by_its_status_code() -> None:
    errors = [api.InvalidArgument("a secret"), api.GoogleAPICallError("a secret")]
    messages = [in_words(each, NEED) for each in errors]
    assert messages[0].startswith(f"{TOPIC}: the service answers 400 (Bad Request); ")
    assert messages[1].startswith(f"{TOPIC}: the service answers an error; ")


def test_a_full_disk_says_itself_what_is_full() -> None:
    message = in_words(DiskFullError("/journal: no room"), "the disk needs room")
    assert message == "/journal: no room: the disk needs room"


def an_error(kind: type[BaseException]) -> Any:
    if kind is api.RetryError:
        return api.RetryError("a secret", None)
    return kind("a secret") if kind is not RetryableError else DiskFullError("/journal: no room")


@pytest.mark.parametrize("kind", RETRYABLE, ids=lambda kind: kind.__name__)
def test_every_retried_error_is_reported_without_its_class_name_and_message(
    kind: type[BaseException],
) -> None:
    message = in_words(an_error(kind), NEED)
    assert kind.__name__ not in message
    assert "secret" not in message
    assert "; " in message, "and what happens now, or is to be done"


@pytest.mark.parametrize(
    "sentence", ["a sentence", "`half: a sentence", "projects/p/topics/t: it", "projects/p/datasets/d: it", ""]
)
def test_what_names_no_table_stays_as_it_is(sentence: str) -> None:
    assert plain(sentence) == sentence


def test_what_the_status_says_names_the_table_as_the_watch_does() -> None:
    status, stop = SubjectStatus("things"), threading.Event()
    stop.set()
    with pytest.raises(StoppedError):
        RetryPolicy("write", status, stop).wait(f"{PATH}: the table has no column a; a remedy")
    assert status.in_the_way == {"write": "p.d.things: the table has no column a; a remedy"}
