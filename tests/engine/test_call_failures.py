"""What is in the way is said in words: what is missing, who needs what, and what to do."""

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
    said = f"{TOPIC}: permission denied; the job needs roles/pubsub.publisher on it (docs/permissions.md)"
    assert in_words(error, NEED) == said


@pytest.mark.parametrize("error", [DefaultCredentialsError("x"), RefreshError("x"), api.Unauthenticated("x")], ids=repr)
def test_missing_credentials_are_no_missing_permission(error: Exception) -> None:
    said = in_words(error, NEED)
    assert said.startswith(f"{TOPIC}: no valid credentials; sign in")
    assert "roles/pubsub.publisher" in said


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
def test_what_does_not_exist_is_named_in_one_way_whoever_looked_for_it(place: str, what: str) -> None:
    need = f"{place}: the job needs a permission on it; `headrace provision` makes it"
    assert in_words(api.NotFound("x"), need) == f"{what} does not exist; `headrace provision` creates it"


def test_where_something_else_may_be_missing_the_place_is_not_said_to_be() -> None:
    need = f"{PATH}: its new stream cannot be announced; `headrace provision` makes tables and columns"
    assert in_words(api.NotFound("x"), need) == (
        "p.d.things: its new stream cannot be announced: something that it needs does not exist; "
        "`headrace provision` creates it"
    )


def test_an_answer_that_nobody_foresaw_is_said_by_its_number() -> None:
    errors = [api.InvalidArgument("a secret"), api.GoogleAPICallError("a secret")]
    said = [in_words(each, NEED) for each in errors]
    assert said[0].startswith(f"{TOPIC}: the service answers 400 (Bad Request); ")
    assert said[1].startswith(f"{TOPIC}: the service answers an error; ")


def test_a_full_disk_says_itself_what_is_full() -> None:
    said = in_words(DiskFullError("/journal: no room"), "the disk needs room")
    assert said == "/journal: no room: the disk needs room"


def an_error(kind: type[BaseException]) -> Any:
    if kind is api.RetryError:
        return api.RetryError("a secret", None)
    return kind("a secret") if kind is not RetryableError else DiskFullError("/journal: no room")


@pytest.mark.parametrize("kind", RETRYABLE, ids=lambda kind: kind.__name__)
def test_whatever_the_engine_waits_for_is_said_without_the_name_of_a_class_and_without_the_message(
    kind: type[BaseException],
) -> None:
    said = in_words(an_error(kind), NEED)
    assert kind.__name__ not in said
    assert "secret" not in said
    assert "; " in said, "and what happens now, or is to be done"


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
