"""Print the bytes around the byte at which decoding stopped, in the 80 columns of a terminal."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from headrace.dead_letters.explanation import Explanation

WIDTH: Final = 16
_HIDDEN: Final = "·"


def hexdump(data: bytes, explanation: Explanation, *, reveal: bool = False, around: int = 48) -> str:
    """Return offset, hexadecimal and ASCII of at least *around* bytes on either side of the marked stop.

    Without a byte to mark, begin at the start of *data*. Without *reveal*, show ``··`` for personal bytes and for bytes
    outside visible fields.
    """
    mark = explanation.marked.offset if explanation.marked else None
    middle = around if mark is None else mark
    first = max(0, middle - around) // WIDTH * WIDTH
    last = min(len(data), (middle + around) // WIDTH * WIDTH + WIDTH)
    seen = _seen(explanation, first, last) if not reveal else set(range(first, last))
    return "\n".join(_lines(data, seen, first, last, mark))


def _seen(explanation: Explanation, first: int, last: int) -> set[int]:
    seen: set[int] = set()
    for field in explanation.fields:
        if not field.hidden:
            seen.update(range(max(first, field.start), min(last, field.end)))
    stop = explanation.marked
    if stop is not None and stop.shown and stop.offset is not None:
        seen.add(stop.offset)
    return seen


def _lines(data: bytes, seen: set[int], first: int, last: int, mark: int | None) -> Iterator[str]:
    # The mark is one byte beyond the data if the value that should begin there is missing.
    end = max(last, first + 1 if mark is None else mark + 1)
    for start in range(first, end, WIDTH):
        places = range(start, min(start + WIDTH, len(data)))
        hexes = [f"{data[place]:02x}" if place in seen else _HIDDEN * 2 for place in places]
        text = "".join(_ascii(data[place]) if place in seen else _HIDDEN for place in places)
        halves = "  ".join((" ".join(hexes[:8]).ljust(23), " ".join(hexes[8:]).ljust(23)))
        yield f"{start:08x}  {halves}  |{text}|"
        if mark is not None and start <= mark < start + WIDTH:
            yield " " * _column(mark - start) + "^^"


def _column(place: int) -> int:
    return 10 + 3 * place + (1 if place >= WIDTH // 2 else 0)


def _ascii(byte: int) -> str:
    return chr(byte) if 0x20 <= byte < 0x7F else "."
