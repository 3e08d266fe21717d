"""Keys of a schema that other programs read, and that are called like one of ours or nearly so."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from headrace.schemas.avro_keys import ANNOTATED, AVRO_KEYS, EVENT, FIELD, KEYS, ON_A_FIELD, misread_keys
from headrace.schemas.checked_values import names_of
from headrace.schemas.errors import ContractError

KEY: Final = "foreign_keys"
_MOST: Final = 64
_SCHEMAS: Final = ("fields", "items", "values", "type")


def without_foreign_keys(avro: Any, annotation: object, where: str) -> Any:
    """Return a schema without the keys that the contract's *annotation* calls foreign.

    Raises:
        ContractError: it names no keys, or one that Headrace or Avro reads.
    """
    if not isinstance(annotation, Mapping) or KEY not in annotation:
        return avro
    place = f"{where}.{KEY}"
    keys = frozenset(names_of(annotation[KEY], place, _MOST, "keys"))
    read = sorted(keys & {*AVRO_KEYS, "headrace"})
    if read:
        raise ContractError(place, f"{read[0]!r} is a key of {_owner(read[0])}", "leave it out of this list")
    return _without(avro, keys)


def suggest_foreign_keys(avro: Any) -> list[str]:
    """Return the keys of a schema without annotations that read like one, sorted."""
    return sorted(set(_suspects(avro, EVENT)))


def _suspects(avro: Any, known: tuple[str, ...]) -> Iterator[str]:
    if isinstance(avro, list):
        for each in avro:
            yield from _suspects(each, known)
    if not isinstance(avro, Mapping):
        return
    yield from (key for key in avro if key in ON_A_FIELD)
    yield from (key for key, _ in misread_keys(avro, known))
    yield from _suspects(avro.get("fields"), FIELD)
    for key in _SCHEMAS[1:]:
        within = avro.get(key)
        kind = within.get("type") if isinstance(within, Mapping) else None
        yield from _suspects(within, KEYS.get(kind, ANNOTATED) if isinstance(kind, str) else ANNOTATED)


def _owner(key: str) -> str:
    return "Headrace's annotations" if key == "headrace" else "Avro"


def _without(avro: Any, keys: frozenset[str]) -> Any:
    if isinstance(avro, list):
        return [_without(each, keys) for each in avro]
    if not isinstance(avro, Mapping):
        return avro
    return {key: _without(value, keys) if key in _SCHEMAS else value for key, value in avro.items() if key not in keys}
