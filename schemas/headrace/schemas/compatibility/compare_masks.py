"""Comparison of how two versions mask personal data, value by value."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final, assert_never

from headrace.schemas.classification import Generalise, Mask, NotPersonal, Pii
from headrace.schemas.compatibility.matched_fields import matched
from headrace.schemas.compatibility.rules import Break, Rule
from headrace.schemas.model import Record, Recursive, Type, Union, inner

# From what is kept of a value most to what is kept least. Parts and generalised values show some of it; tokens tell
# equal values; nothing is left of the others.
_STRENGTH: Final = {Mask.PARTIAL: 0, Mask.GENERALISE: 0, Mask.TOKENISE: 1, Mask.REDACT: 2, Mask.OMIT: 3}
_SAY_WHY: Final = "keep the mask, or say in a waiver why it may go"

_Pii = Pii | NotPersonal | None


def compare_masks(old: Record, new: Record, path: str = "") -> Iterator[Break]:
    """Yield the values that *new* shows more of than *old*; *path* is empty, or ends with a point."""
    yield from _fields(old, new, path, None, None)


def _fields(old: Record, new: Record, path: str, around_old: _Pii, around_new: _Pii) -> Iterator[Break]:
    for before, after in matched(old, new):
        here = f"{path}{after.name}"
        yield from _values(before.type, after.type, here, before.pii or around_old, after.pii or around_new)


def _values(old: Type, new: Type, path: str, before: _Pii, after: _Pii) -> Iterator[Break]:
    """Compare the masks *before* and *after* of the values of a field; those of inner fields may say otherwise."""
    match inner(old), inner(new):
        case Record() as one, Record() as other:
            yield from _fields(one, other, f"{path}.", before, after)
        case Union(branches), Union(others):
            there = {branch.member: branch for branch in others}
            for branch in (each for each in branches if each.member in there):
                other_branch = there[branch.member]
                here, pii, new_pii = f"{path}.{branch.member}", branch.pii or before, other_branch.pii or after
                yield from _values(branch.type, other_branch.type, here, pii, new_pii)
        case _, (Record() | Recursive() | Union()):
            return  # another shape, which another rule reports
        case _:
            yield from _mask(before, after, path)


def _mask(old: _Pii, new: _Pii, path: str) -> Iterator[Break]:
    if not isinstance(old, Pii):
        return
    if not isinstance(new, Pii):
        why = f"its mask {_described(old)} is gone, so its values are stored in clear text from now on"
        yield Break(Rule.PII_TAG_REMOVED, path, why, _SAY_WHY)
    elif _is_weaker(old, new):
        why = f"its mask {_described(new)} shows more of a value than {_described(old)}"
        yield Break(Rule.MASK_WEAKENED, path, why, _SAY_WHY)
    elif old.mask is new.mask is Mask.TOKENISE and new.kind != old.kind:
        why = f"its kind is {new.kind} and was {old.kind}, so equal values get other tokens and joins find nothing"
        yield Break(Rule.TOKENS_CHANGED, path, why, "keep the kind")


def _is_weaker(old: Pii, new: Pii) -> bool:
    if old.mask is not new.mask:
        return _STRENGTH[new.mask] < _STRENGTH[old.mask] or _STRENGTH[new.mask] == _STRENGTH[old.mask] == 0
    if new.keep_first > old.keep_first or new.keep_last > old.keep_last:
        return True
    if old.to is not new.to:
        return (old.to, new.to) != (Generalise.MONTH, Generalise.YEAR)
    return (new.size or 0) < (old.size or 0)


def _described(pii: Pii) -> str:
    match pii.mask:
        case Mask.GENERALISE:
            size = f" of {pii.size}" if pii.size else ""
            return f"{pii.mask} to {pii.to}{size}"
        case Mask.PARTIAL:
            return f"{pii.mask} ({pii.keep_first} first, {pii.keep_last} last)"
        case Mask.TOKENISE | Mask.REDACT | Mask.OMIT:
            return str(pii.mask)
        case _:
            assert_never(pii.mask)
