"""What a plan of a replay says of rules and other expressions, without the masking key and without a function."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.core.dead_letter import Reason
from headrace.dead_letters.letter import Letter
from headrace.dead_letters.replay_forecast import Forecast, Forecaster
from headrace.schemas.registry import Contract, Registry
from tests.support.builders import MOMENT, a_contract, a_record, an_envelope, encode
from tests.support.letters import a_letter

FIELDS: list[Any] = [
    ("size", ["null", "int"], {"default": None, "pii": "none"}),
    ("phone", "string", {"pii": {"kind": "phone", "mask": "partial", "keep_last": 2}}),
    ("email", "string", {"pii": {"kind": "email", "mask": "tokenise"}}),
    {
        "name": "person",
        "type": a_record(
            "Person",
            {"name": "name", "type": "string", "pii": {"kind": "name", "mask": "tokenise"}},
            {"name": "age", "type": "int", "pii": "none"},
        ),
    },
]
KEPT = "only sending it shows whether its row keeps the rules"


def refusing(expression: str, name: str = "wanted") -> dict[str, str]:
    return {"name": name, "expression": expression, "else": "dead_letter"}


def forecast(reason: Reason, size: int | None, *rules: dict[str, str], **annotations: Any) -> tuple[Forecast, str, str]:
    """The forecast of a letter between two neighbours that keep every rule here."""
    contract = a_contract(*FIELDS, rules=[*rules], **annotations)
    sizes = (1, size, 1)
    letters = [a_letter_of(contract, each, reason, f"m{place}") for place, each in enumerate(sizes)]
    _, judged, _ = Forecaster(Registry({contract.ref: contract})).forecast(letters)
    assert judged.letter == letters[1]
    return judged.forecast, judged.reason, judged.why


def a_letter_of(contract: Contract, size: int | None, reason: Reason, name: str) -> Letter:
    person = {"name": "Ada", "age": 36}
    values = {"size": size, "phone": "12345", "email": "ada@example.com", "person": person, "at": MOMENT}
    attributes = an_envelope(schema=contract.ref, event_time=MOMENT).to_attributes()
    return a_letter(
        name,
        subject=contract.subject,
        data=encode(contract, values),
        attributes=attributes,
        reason=reason,
        first_published_at=MOMENT,
        refused_at=MOMENT,
    )


@pytest.mark.parametrize("reason", [Reason.RULE_BROKEN, Reason.TRANSFORM_FAILED, Reason.UNKNOWN_SCHEMA])
def test_a_letter_fails_while_its_row_breaks_a_rule_and_passes_once_the_rule_is_eased(reason: Reason) -> None:
    rule = refusing("size > 0", "has_size")
    assert forecast(reason, -1, rule) == (Forecast.FAILS, "rule_broken", "rule has_size is broken")
    assert forecast(reason, -1, refusing("size > -5", "has_size")) == (Forecast.PASSES, "", "")
    assert forecast(reason, None, rule) == (Forecast.PASSES, "", "")
    assert forecast(reason, -1, {**rule, "else": "warn"}) == (Forecast.PASSES, "", "")
    assert forecast(reason, -1) == (Forecast.PASSES, "", "")


def test_a_letter_on_which_an_expression_fails_would_fail_again() -> None:
    found = forecast(Reason.TRANSFORM_FAILED, 0, refusing("10 / size > 2", "share"))

    assert found == (Forecast.FAILS, "transform_failed", "rule share: divide by zero")


def test_a_letter_that_the_filter_drops_passes() -> None:
    assert forecast(Reason.RULE_BROKEN, -1, refusing("size > 0"), where="size > 0") == (Forecast.PASSES, "", "")


def test_rules_are_judged_on_masked_values() -> None:
    assert forecast(Reason.RULE_BROKEN, 1, refusing("phone = '***45'"))[0] is Forecast.PASSES
    assert forecast(Reason.RULE_BROKEN, 1, refusing("phone = '12345'"))[0] is Forecast.FAILS


@pytest.mark.parametrize(
    "annotations",
    [
        {"rule": refusing("email = 't1_'")},
        {"rule": refusing("LENGTH(EMAIL) > 3")},
        {"rule": refusing("person.age > 40")},
        {"rule": refusing("_ingested_at > TIMESTAMP '2026-01-01'")},
        {"rule": refusing("size > 0"), "where": "email != ''"},
        {"rule": refusing("size > 0"), "derived": [{"name": "copy", "type": "string", "expression": "email"}]},
        {"rule": refusing("size > 0"), "function": "not_installed_here"},
    ],
)
def test_what_only_the_job_can_run_is_unknown(annotations: dict[str, Any]) -> None:
    rule = annotations.pop("rule")

    assert forecast(Reason.RULE_BROKEN, 1, rule, **annotations) == (Forecast.UNKNOWN, "rule_broken", KEPT)
    assert forecast(Reason.TRANSFORM_FAILED, 1, rule, **annotations)[0] is Forecast.UNKNOWN
    assert forecast(Reason.UNKNOWN_SCHEMA, 1, rule, **annotations) == (Forecast.PASSES, "", "")
