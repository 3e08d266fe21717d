"""The one retry policy: the errors that are worth another attempt, and the pause before it.

``call`` retries for a limited time, for commands and libraries. The engine retries until it is stopped
(``headrace.engine.retry``), after the same errors and with the same pauses.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any, Final, Self, TypeVar

from google.api_core.exceptions import (
    Aborted,
    Cancelled,
    Conflict,
    Forbidden,
    GatewayTimeout,
    GoogleAPICallError,
    InternalServerError,
    NotFound,
    RetryError,
    ServerError,
    ServiceUnavailable,
    TooManyRequests,
    Unauthorized,
)
from google.api_core.retry import RetryFailureReason, if_exception_type, retry_target
from google.auth.exceptions import GoogleAuthError
from requests.exceptions import ConnectionError as RequestsConnectionError
from requests.exceptions import Timeout

from headrace.errors import Exit, HeadraceError

FIRST_SECONDS: Final = 0.2
LONGEST_SECONDS: Final = 15.0
NO_RETRY: Final[Any] = None
"""None, for calls of Google's BigQuery client: their signatures require a Retry, but they accept None."""
T = TypeVar("T")


class RetryableError(HeadraceError, error_code="HR-516", exit_code=Exit.BUG):
    """Base class of Headrace's errors that are worth another attempt."""


RETRYABLE: Final[tuple[type[Exception], ...]] = (
    Cancelled,
    Conflict,
    NotFound,  # the resource may be created meanwhile, or the permission granted
    Forbidden,
    Unauthorized,
    TooManyRequests,
    ServerError,
    GatewayTimeout,
    RetryError,
    GoogleAuthError,
    RequestsConnectionError,
    Timeout,
    TimeoutError,
    RetryableError,
)


UNAVAILABLE: Final = (Aborted, GatewayTimeout, InternalServerError, ServiceUnavailable, TooManyRequests)
"""Those of RETRYABLE that pass without a person's help, for callers that report the others immediately."""


CALL_ERRORS: Final[tuple[type[Exception], ...]] = (GoogleAPICallError, *RETRYABLE)
"""The errors of a call of a Google client when the service refuses it or does not answer."""


class Backoff(Iterator[float]):
    """Pauses in seconds, which double from *first* to *longest*; each is reduced at random, to a half at least."""

    def __init__(self, first: float = FIRST_SECONDS, longest: float = LONGEST_SECONDS) -> None:
        self._first = self._next = first
        self._longest = longest

    def __iter__(self) -> Self:
        return self

    def __next__(self) -> float:
        pause, self._next = self._next, min(self._next * 2, self._longest)
        return pause * random.uniform(0.5, 1.0)  # noqa: S311 not a secret

    def reset(self) -> None:
        """Start again with the first pause."""
        self._next = self._first


def call(attempt: Callable[[], T], seconds: float) -> T:
    """Call *attempt* until it succeeds, and return its result.

    Raise the last error when no further attempt could begin within *seconds*. Raise any error that is not RETRYABLE
    immediately.
    """
    worth_another = if_exception_type(*RETRYABLE)
    done: T = retry_target(attempt, worth_another, Backoff(), timeout=seconds, exception_factory=_last_error)
    return done


def _last_error(
    errors: list[Exception], reason: RetryFailureReason, timeout: float | None
) -> tuple[Exception, Exception | None]:
    return errors[-1], None
