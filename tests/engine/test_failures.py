"""How an error that holds up one subject is reported, and which place is named as its origin."""

from __future__ import annotations

from collections.abc import Callable

from headrace.engine.failures import describe_error, innermost_calls
from headrace.schemas.errors import ContractError


def raised(error: Exception, deep: int = 0) -> Exception:
    """*error* as it is caught *deep* calls above the one that raised it."""
    try:
        go_down(error, deep)
    except Exception as caught:
        return caught
    raise AssertionError


def go_down(error: Exception, deep: int) -> None:
    further: Callable[[Exception, int], None] = go_down if deep else fail
    further(error, deep - 1)


def fail(error: Exception, _: int) -> None:
    raise error


def test_the_reason_that_a_contract_is_refused_is_reported_unchanged() -> None:
    message = describe_error(
        raised(ContractError("things.v2.n", "int cannot be read as string", "add a field instead"))
    )
    assert message.startswith("things.v2.n: int cannot be read as string; add a field instead; ")
    assert "stay in Pub/Sub" in message


def test_any_other_error_is_reported_by_class_and_place_without_its_text() -> None:
    message = describe_error(raised(ValueError("ada@example.com")))
    assert message.startswith("ValueError at test_failures.raised:")
    assert "stay in Pub/Sub" in message
    assert "report this line" in message
    assert "ada@example.com" not in message


def test_the_place_is_named_by_the_innermost_calls_outermost_first() -> None:
    shallow, deep = (innermost_calls(raised(ValueError(), deep)).split(" > ") for deep in (0, 9))
    names = [each.partition(":")[0] for each in shallow]
    assert names == ["test_failures.raised", "test_failures.go_down", "test_failures.fail"]
    assert [each.partition(":")[0] for each in deep] == ["test_failures.go_down"] * 3 + ["test_failures.fail"]
    assert all(each.partition(":")[2].isdecimal() for each in deep)


def test_an_error_that_was_never_raised_has_no_place() -> None:
    assert innermost_calls(ValueError()) == ""
