"""Decision after a request that failed: another try, two smaller requests, or the end."""

from __future__ import annotations

import random
from enum import Enum, auto
from typing import Final

import grpc

# The generated client retries these codes: google/pubsub_v1/services/publisher/transports/base.py. A test compares.
RETRYABLE: Final = frozenset(
    {
        grpc.StatusCode.ABORTED,
        grpc.StatusCode.CANCELLED,
        grpc.StatusCode.DEADLINE_EXCEEDED,
        grpc.StatusCode.INTERNAL,
        grpc.StatusCode.RESOURCE_EXHAUSTED,
        grpc.StatusCode.UNAVAILABLE,
        grpc.StatusCode.UNKNOWN,
    }
)
REQUEST_SECONDS: Final = 60.0  # of one try
RETRY_SECONDS: Final = 600.0  # of all tries of a message without an ordering key
FIRST_PAUSE: Final = 0.1
PAUSE_FACTOR: Final = 4.0
# The generated client pauses up to a minute. Here few requests are under way, and events wait behind them.
LONGEST_PAUSE: Final = 5.0


class Then(Enum):
    """Decision after a request that failed."""

    RETRY = auto()
    SPLIT = auto()
    FAIL = auto()


def after_failure(code: grpc.StatusCode, messages: int, seconds: float, *, endless: bool) -> Then:
    """Decide by the *code* of a request with so many *messages*, first tried *seconds* ago.

    An invalid message makes the service refuse its whole request, so that is split until the message is alone.
    """
    if code is grpc.StatusCode.INVALID_ARGUMENT and messages > 1:
        return Then.SPLIT
    if code in RETRYABLE and (endless or seconds < RETRY_SECONDS):
        return Then.RETRY
    return Then.FAIL


def pause_before(tries: int, draw: random.Random) -> float:
    """Return the seconds to wait after so many *tries*: a random part of a limit that grows."""
    # the exponent is bounded because the limit is reached long before the power overflows
    return draw.uniform(0, min(LONGEST_PAUSE, FIRST_PAUSE * PAUSE_FACTOR ** min(tries - 1, 10)))
