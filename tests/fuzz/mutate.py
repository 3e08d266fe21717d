"""Payloads that are no good, made of good ones."""

from __future__ import annotations

from random import Random

from tests.support.hostile import long

_BYTES = bytes([0, 1, 2, 3, 4, 0x7E, 0x7F, 0x80, 0x81, 0xC0, 0xFE, 0xFF])
_LONGS = [
    0,
    1,
    -1,
    63,
    64,
    -64,
    2**31 - 1,
    2**31,
    -(2**31),
    2**40,
    2**62,
    2**63 - 1,
    -(2**63),
    99_999,
    100_000,
    100_001,
]
_ODD = [b"\x80\0", b"\xff" * 9 + b"\x01", b"\xff" * 9 + b"\x02", b"\xff" * 11 + b"\1", b"\xed\xa0\x80", b"\xc0\x80"]


def mutated(random: Random, payloads: list[bytes]) -> bytes:
    """One of *payloads*, changed in one to four ways; one of two hundred is large."""
    data = bytearray(random.choice(payloads))
    for _ in range(random.choice((1, 1, 1, 2, 2, 3, 4))):
        _change(random, data, payloads)
    if random.random() < 0.005:
        _enlarge(random, data)
    return bytes(data)


def _change(random: Random, data: bytearray, payloads: list[bytes]) -> None:
    place = random.randrange(len(data) + 1)
    match random.randrange(12):
        case 0 | 1 | 2 if data:
            data[place - 1] ^= 1 << random.randrange(8)
        case 3 | 4 if data:
            data[place - 1] = random.choice(_BYTES)
        case 5:
            del data[place:]
        case 6:
            del data[place : place + random.randint(1, 4)]
        case 7:
            data[place:place] = long(random.choice(_LONGS))
        case 8:
            data[place:place] = random.choice(_ODD)
        case 9:
            data[place : place + random.randint(0, 2)] = long(random.choice(_LONGS))
        case 10:
            other = random.choice(payloads)
            data[place:] = other[random.randrange(len(other) + 1) :]
        case _:
            end = min(len(data), place + random.randint(1, 12))
            data[place:place] = data[place:end] * random.randint(1, 3)


def _enlarge(random: Random, data: bytearray) -> None:
    """A block of many items, a long text, or the same few bytes over and over."""
    place = random.randrange(len(data) + 1)
    count = random.choice((1_000, 50_000, 99_999, 100_000, 100_001, 1_000_000))
    match random.randrange(3):
        case 0:
            data[place:place] = long(count) + bytes([random.choice(_BYTES)]) * count
        case 1:
            entries = bytearray(count // 3 * 3)
            entries[0::3], entries[1::3] = b"\2" * (count // 3), random.randbytes(count // 3)
            data[place:place] = entries
        case _:
            end = min(len(data), place + random.randint(1, 40))
            data[place:place] = bytes(data[place:end]) * (count // 40)
