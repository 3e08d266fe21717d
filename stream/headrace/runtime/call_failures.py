"""Sentences about failed calls, each with a remedy. They never name an exception."""

from __future__ import annotations

import re
from http import HTTPStatus
from typing import Final

from google.api_core.exceptions import (
    Cancelled,
    Conflict,
    Forbidden,
    GoogleAPICallError,
    NotFound,
    RetryError,
    ServerError,
    TooManyRequests,
    Unauthorized,
)
from google.auth.exceptions import GoogleAuthError, TransportError
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import Timeout

_PROVISION: Final = "`headrace provision`"
_TABLE_PATH: Final = re.compile(r"\Aprojects/([^/]+)/datasets/([^/]+)/tables/([^/:]+)(?=: |\Z)")
_SQL_NAME: Final = re.compile(r"\A`([^`]+)`(?=: |\Z)")
_TABLE: Final = re.compile(r"[^/.:\s]+\.[^/.:\s]+\.[^/.:\s]+")


def in_words(error: BaseException, need: str) -> str:
    """Return a sentence about *error*; *need* has the form ``place: who needs what there; remedy``.

    >>> need = "projects/p/topics/t: the job needs roles/pubsub.publisher on it; `headrace provision` makes it"
    >>> in_words(NotFound("x"), need)
    'projects/p/topics/t: the topic does not exist; `headrace provision` creates it'
    >>> in_words(Forbidden("x"), need)
    'projects/p/topics/t: permission denied; the job needs roles/pubsub.publisher on it (docs/permissions.md)'
    >>> in_words(NotFound("x"), "projects/p/subscriptions/s: the job needs pubsub.subscriptions.get on it; correct it")
    'projects/p/subscriptions/s: the subscription does not exist; correct it'
    """
    place, _, wanted = plain(need).partition(": ")
    if _PROVISION in wanted or "; " not in wanted:
        what, remedy = wanted.partition("; `")[0], f"{_PROVISION} creates it"
    else:
        what, _, remedy = wanted.rpartition("; ")
    match error:
        case TransportError() | RequestsConnectionError() | Timeout() | TimeoutError() | RetryError() | ServerError():
            return f"{place}: the service does not answer; it is tried again"
        case NotFound() if " needs " in what:
            return f"{place}: the {_kind(place)} does not exist; {remedy}"
        case NotFound():
            return f"{place}: {what}: something that it needs does not exist; {remedy}"
        case Forbidden():
            return f"{place}: permission denied; {what} (docs/permissions.md)"
        case Unauthorized() | GoogleAuthError():
            return f"{place}: no valid credentials; sign in, or run as an account that has some; {what}"
        case TooManyRequests():
            return f"{place}: too many requests; it is tried again"
        case Cancelled() | Conflict():
            return f"{place}: the service refuses for now; it is tried again"
        case GoogleAPICallError():
            return f"{place}: the service answers {_answer(error)}; {what}"
        case _:
            return f"{error}: {need}"  # an error of Headrace: its text is a sentence


def plain(sentence: str) -> str:
    """Return *sentence* with the table at its beginning written as ``project.dataset.table``.

    >>> plain("projects/p/datasets/d/tables/t: it has no column a"), plain("`p.d.t`: it has no column a")
    ('p.d.t: it has no column a', 'p.d.t: it has no column a')
    """
    return _SQL_NAME.sub(r"\1", _TABLE_PATH.sub(r"\1.\2.\3", sentence))


def _kind(place: str) -> str:
    kind = next((each for each in ("subscription", "topic") if f"/{each}s/" in place), None)
    return kind or ("table" if _TABLE.fullmatch(place) else "resource")


def _answer(error: GoogleAPICallError) -> str:
    try:
        status = HTTPStatus(int(error.code or 0))
    except ValueError:
        return "an error"
    return f"{status.value} ({status.phrase})"
