"""Settings of a convention: the conventions, single settings, and errors with a remedy."""

from __future__ import annotations

from typing import Any

import pytest

from headrace.schemas.errors import ContractError
from headrace.schemas.json_encoding.forms import SETTINGS, Form
from headrace.schemas.json_encoding.parse_rules import parse_json_rules
from headrace.schemas.json_encoding.rules import CONVENTIONS, STRICT, UnknownKeys


def test_without_settings_the_convention_is_strict() -> None:
    assert parse_json_rules({}, "json") == STRICT


@pytest.mark.parametrize("name", CONVENTIONS)
def test_each_convention_names_only_forms_of_its_settings(name: str) -> None:
    rules = parse_json_rules({"convention": name}, "json")

    assert rules is CONVENTIONS[name] or rules == CONVENTIONS[name]
    for setting, forms in SETTINGS.items():
        assert getattr(rules, setting) <= set(forms)


def test_a_setting_overrides_the_convention_alone() -> None:
    rules = parse_json_rules({"convention": "go", "timestamps": "millis", "unknown_keys": "ignore"}, "json")

    assert rules.timestamps == {Form.MILLIS}
    assert rules.unknown_keys is UnknownKeys.IGNORE
    assert rules.null == CONVENTIONS["go"].null


@pytest.mark.parametrize(
    ("mapping", "message"),
    [
        ({"convention": "jakson"}, "json.convention: 'jakson' is not known here; write 'jackson'"),
        ({"timestamp": "millis"}, "json.timestamp: unknown setting; write 'timestamps'"),
        ({"x": 1}, "json.x: unknown setting; use one of convention, decimals, longs,"),
        ({"timestamps": "milis"}, "json.timestamps: 'milis' is not known here; write 'millis'"),
        ({"timestamps": 5}, "json.timestamps: '5' is not known here; use one of text,"),
        ({"timestamps": ["seconds", "millis"]}, "json.timestamps: millis and seconds exclude each other; name one"),
        ({"bytes": ["hex", "base64"]}, "json.bytes: base64 and hex exclude each other"),
        ({"decimals": ["text", "base64"]}, "json.decimals: base64 and text exclude each other; name one"),
        ({"decimals": []}, "json.decimals: no form; name one of number, safe-number, text, base64"),
        ({"unknown_keys": "drop"}, "json.unknown_keys: 'drop' is not known here; use one of refuse, ignore"),
    ],
)
def test_a_setting_that_is_not_known_is_refused_with_a_remedy(mapping: dict[str, Any], message: str) -> None:
    with pytest.raises(ContractError) as refused:
        parse_json_rules(mapping, "json")

    assert str(refused.value).startswith(message)


def test_settings_that_may_be_empty_can_be_switched_off() -> None:
    rules = parse_json_rules({"convention": "jackson", "nan": [], "absent": [], "null": []}, "json")

    assert (rules.nan, rules.absent, rules.null) == (frozenset(), frozenset(), frozenset())
