"""Keys of a schema's objects: foreign ones are allowed as in Avro; misspelt ones of ours and of Avro are not."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from typing import Any, Final

from headrace.schemas.column_annotations import COLUMN_KEYS
from headrace.schemas.errors import ContractError

ON_A_FIELD: Final = ("pii", *COLUMN_KEYS)
OURS: Final = ("headrace", *ON_A_FIELD)
_OWN_PLACE: Final = {"headrace": "the event's record"} | dict.fromkeys(ON_A_FIELD, "a field")
FIELD: Final = ("name", "type", "default", "aliases", "doc", "order", *ON_A_FIELD)
EVENT: Final = ("type", "name", "namespace", "aliases", "fields", "doc", "headrace")
KEYS: Final[Mapping[str, tuple[str, ...]]] = {
    "record": EVENT[:-1],
    "array": ("type", "items", "doc"),
    "map": ("type", "values", "doc"),
    "enum": ("type", "name", "namespace", "aliases", "symbols", "default", "doc"),
    "fixed": ("type", "name", "namespace", "aliases", "size", "logicalType", "precision", "scale", "doc"),
}
ANNOTATED: Final = ("type", "logicalType", "precision", "scale", "doc")
AVRO_KEYS: Final = frozenset({*FIELD, *EVENT, *ANNOTATED, *(key for keys in KEYS.values() for key in keys)}) - {*OURS}
_NO_EFFECT: Final = {"doc", "order"}  # a misspelling of these changes nothing
_OR_FOREIGN: Final = ", or name it in foreign_keys if another program reads it"
# Words of other programs that are near to one of Avro's or ours, and mean something else.
_LIKE_PII: Final = frozenset({"pi", "pic", "pid", "pin", "pip", "pit"})
_FOREIGN: Final = _LIKE_PII | {"scope", "scaled", "names", "types", "sized", "docs", "nullable"}


def check_keys(avro: Mapping[str, Any], known: tuple[str, ...], where: str) -> None:
    """Raise ContractError for a near miss of a *known* key or of an annotation, and for a misplaced annotation."""
    for key, meant in misread_keys(avro, known):
        if key == meant:
            foreign = "" if key == "headrace" else _OR_FOREIGN
            raise ContractError(where, f"{key!r} has no effect here", f"write it on {_OWN_PLACE[key]}{foreign}")
        place = "" if meant in known else f" on {_OWN_PLACE[meant]}"
        raise ContractError(
            where, f"{key[:40]!r} is not a key, and nearly {meant!r}", f"write {meant!r}{place}{_OR_FOREIGN}"
        )


def misread_keys(avro: Mapping[str, Any], known: tuple[str, ...]) -> Iterator[tuple[str, str]]:
    """Yield each key that is a misplaced annotation or a near miss, and the key that it seems to mean."""
    for key, value in avro.items():
        if key in known or (key in _FOREIGN and not (key in _LIKE_PII and _has_mask(value))):
            continue
        if key in OURS:
            yield key, key
            continue
        meant = nearest(key, (*OURS, *(word for word in known if word not in avro and word not in _NO_EFFECT)))
        if meant is not None:
            yield key, meant


def nearest(word: str, known: Iterable[str]) -> str | None:
    """Return the word of *known* of which *word* is a misspelling; None if it is another word.

    >>> nearest("timestamp_micros", ["timestamp-millis", "timestamp-micros"])
    'timestamp-micros'
    """
    return next((each for each in known if _is_near(word, each)), None)


def _has_mask(value: object) -> bool:
    """Return whether a value reads like that of ``pii``."""
    return isinstance(value, Mapping) and "mask" in value


def _is_near(key: str, word: str) -> bool:
    if abs(len(key) - len(word)) > 4:
        return False
    bare, plain = _letters(key), _letters(word)
    if bare == plain:
        return True
    if plain == "pii":  # a value in clear text may depend on it
        return bare.replace("1", "i") == plain or _distance(bare, plain) <= 1
    if len(plain) <= 4:
        return len(bare) - len(plain) in (0, 1) and sorted(set(bare)) == sorted(set(plain))
    return _distance(bare, plain) <= (1 if len(plain) <= 7 else 2)


def _letters(word: str) -> str:
    return "".join(letter for letter in word.casefold() if letter.isalnum())


def _distance(one: str, other: str) -> int:
    """Count the letters to insert, delete, replace or swap with their neighbour, to make *one* of *other*."""
    before: list[int] = []
    last = list(range(len(other) + 1))
    for i, left in enumerate(one, 1):
        row = [i]
        for j, right in enumerate(other, 1):
            found = min(last[j] + 1, row[j - 1] + 1, last[j - 1] + (left != right))
            if i > 1 and j > 1 and left == other[j - 2] and one[i - 2] == right:
                found = min(found, before[j - 2] + 1)
            row.append(found)
        before, last = last, row
    return last[-1]
