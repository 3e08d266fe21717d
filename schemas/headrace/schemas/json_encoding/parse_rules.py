"""Parser of the settings that declare a convention, from a contract or a file beside it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

from headrace.schemas.errors import ContractError
from headrace.schemas.json_encoding.forms import EXCLUSIVE, MAY_BE_EMPTY, SETTINGS, Form
from headrace.schemas.json_encoding.rules import CONVENTIONS, JsonRules, UnknownKeys

_KNOWN: Final = ("convention", *SETTINGS, "unknown_keys")


def parse_json_rules(mapping: Mapping[str, Any], where: str) -> JsonRules:
    """Read a convention and the settings that differ from it.

    >>> rules = parse_json_rules({"convention": "jackson", "timestamps": ["text", "millis"]}, "json")
    >>> sorted(rules.timestamps)
    [<Form.MILLIS: 'millis'>, <Form.TEXT: 'text'>]

    Raises:
        ContractError: a setting or a form is unknown, or one value could be read in two ways. *where* is the place.
    """
    for name in mapping:
        if name not in _KNOWN:
            raise ContractError(f"{where}.{name}", "unknown setting", _instead(name, _KNOWN))
    changed: dict[str, Any] = {
        name: _forms(name, mapping[name], f"{where}.{name}") for name in SETTINGS if name in mapping
    }
    if "unknown_keys" in mapping:
        choice = _choice(mapping["unknown_keys"], tuple(UnknownKeys), f"{where}.unknown_keys")
        changed["unknown_keys"] = UnknownKeys(choice)
    return replace(_convention(mapping.get("convention", "strict"), f"{where}.convention"), **changed)


def _convention(name: object, where: str) -> JsonRules:
    return CONVENTIONS[_choice(name, tuple(CONVENTIONS), where)]


def _forms(setting: str, value: object, where: str) -> frozenset[Form]:
    given = value if isinstance(value, list | tuple) else [value]
    forms = [Form(_choice(each, SETTINGS[setting], where)) for each in given]
    if not forms and setting not in MAY_BE_EMPTY:
        raise ContractError(where, "no form", f"name one of {', '.join(SETTINGS[setting])}")
    for group in EXCLUSIVE:
        both = sorted({form for form in forms if form in group})
        if len(both) > 1:
            raise ContractError(
                where, f"{' and '.join(both[:2])} exclude each other", "name one: a value could be read in two ways"
            )
    return frozenset(forms)


def _choice(value: object, known: tuple[str, ...], where: str) -> str:
    if not isinstance(value, str) or value not in known:
        raise ContractError(where, f"{str(value)[:40]!r} is not known here", _instead(value, known))
    return value


def _instead(value: object, known: tuple[str, ...]) -> str:
    from difflib import get_close_matches  # only an error needs it

    near = get_close_matches(str(value)[:40], known, 1)
    return f"write {str(near[0])!r}" if near else f"use one of {', '.join(known)}"
