"""Hide values of a refused payload that are personal, or that may be.

Personal values stay hidden, and so do values that may be personal. A payload that does not decode may be wrong long
before the decoder notices, so that a personal value is read as another field. If any contract has personal data, values
of such a payload that overlap four or more consecutive characters of text stay hidden, in every field except ids at the
very beginning. If the claimed contract is unknown, all values stay hidden. A visible number, or a visible text of three
characters, may still be part of a personal value.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from headrace.dead_letters.nearest_contract import Match
from headrace.schemas.model import Enumeration, Kind, Scalar, walk
from headrace.schemas.registry import Contract, Registry
from headrace.schemas.trace import KEPT, Leaf, Trace, trace

UNKNOWN: Final = "hidden: unknown contract"
MISREAD: Final = "hidden: in another encoding"
DOUBTFUL: Final = "hidden: may be misread"
_TEXT: Final = re.compile(
    rb"(?:[\x20-\x7e]|[\xc2-\xdf][\x80-\xbf]|[\xe0-\xef][\x80-\xbf]{2}|[\xf0-\xf4][\x80-\xbf]{3}){4,}"
)


@dataclass(frozen=True, slots=True)
class Screen:
    """The bytes to hide in addition to personal fields: those that are 1 in *doubtful*.

    *everything* is the reason to hide all bytes, or empty.
    """

    reveal: bool
    everything: str
    doubtful: bytes

    @classmethod
    def of(
        cls,
        registry: Registry,
        contract: Contract | None,
        match: Match | None,
        traced: Trace,
        data: bytes,
        reveal: bool,
        misread: bool,
    ) -> Screen:
        """Return what to hide of *data*, which *contract* reads as *traced*, and *match* perhaps better.

        With *misread*, the payload is known to be in another encoding.
        """
        if misread:
            return cls(reveal, MISREAD, b"")
        broken = contract is not None and traced.stop is not None
        if reveal or not broken or not _knows_personal_data(registry):
            return cls(reveal, UNKNOWN if contract is None else "", b"")
        mask = bytearray(len(data))
        for found in _TEXT.finditer(data, _certain_until(traced.leaves)):
            mask[found.start() : found.end()] = b"\1" * len(found[0])
        if match and match.stop is None:  # a contract that reads the whole payload knows its personal bytes
            for start, end in _personal_ranges(trace(match.record, data)):
                mask[start:end] = b"\1" * (end - start)
        return cls(reveal, "", bytes(mask))

    def hides(self, start: int, end: int) -> str:
        """Return why the bytes from *start* to *end* are hidden, or an empty string if they may be shown."""
        if self.reveal:
            return ""
        if self.everything:
            return self.everything
        return DOUBTFUL if self.doubtful.find(1, start, end) >= 0 else ""


def _personal_ranges(traced: Trace) -> Iterator[tuple[int, int]]:
    yield from ((leaf.start, leaf.end) for leaf in traced.leaves if leaf.pii)
    if traced.left_out:
        yield traced.leaves[KEPT - 1].end, traced.leaves[KEPT].start


def _certain_until(leaves: Sequence[Leaf]) -> int:
    """Return the end of the leading ids, times and numbers: no wrong length of a text can have shifted them."""
    end = leaves[0].start if leaves else 0
    for leaf in leaves:
        text = isinstance(leaf.type, Scalar) and leaf.type.kind in {Kind.STRING, Kind.BYTES}
        if leaf.pii or leaf.start != end or text or not isinstance(leaf.type, Scalar | Enumeration):
            break
        end = leaf.end
    return end


def _knows_personal_data(registry: Registry) -> bool:
    return any(f.mask for contract in registry for _, f in walk(contract.record))
