"""What is worth another attempt is retried with growing pauses, for a limited time; what is not is raised at once."""

from __future__ import annotations

import pytest
from google.api_core.exceptions import InvalidArgument, ServiceUnavailable

from headrace.runtime.retry_policy import FIRST_SECONDS, LONGEST_SECONDS, Backoff, RetryableError, call
from tests.support.retries import Sleeper, a_sleeper, failing


@pytest.fixture
def sleeper(monkeypatch: pytest.MonkeyPatch) -> Sleeper:
    return a_sleeper(monkeypatch)


def test_pauses_double_up_to_the_longest_and_start_again_after_a_reset() -> None:
    backoff, longest = Backoff(), FIRST_SECONDS
    for pause in [next(backoff) for _ in range(12)]:
        assert longest / 2 <= pause <= longest
        longest = min(longest * 2, LONGEST_SECONDS)
    assert longest == LONGEST_SECONDS
    backoff.reset()
    assert next(backoff) <= FIRST_SECONDS


def test_a_call_that_succeeds_pauses_for_nothing(sleeper: Sleeper) -> None:
    assert call(failing(), 60.0) == "done"
    assert sleeper.pauses == []


def test_a_call_is_retried_with_growing_pauses(sleeper: Sleeper) -> None:
    assert call(failing(ServiceUnavailable("no"), TimeoutError(), RetryableError()), 60.0) == "done"
    first, second, third = sleeper.pauses
    assert FIRST_SECONDS / 2 <= first <= FIRST_SECONDS <= second <= 2 * FIRST_SECONDS <= third


def test_what_is_not_worth_another_attempt_is_raised_at_once(sleeper: Sleeper) -> None:
    with pytest.raises(InvalidArgument):
        call(failing(InvalidArgument("no")), 60.0)
    assert sleeper.pauses == []


def test_after_the_time_is_up_the_last_error_is_raised(sleeper: Sleeper) -> None:
    errors = [RetryableError(str(number)) for number in range(100)]
    with pytest.raises(RetryableError) as raised:
        call(failing(*errors), 60.0)
    assert str(raised.value) == str(len(sleeper.pauses))
    assert 60.0 - LONGEST_SECONDS <= sum(sleeper.pauses) <= 60.0
