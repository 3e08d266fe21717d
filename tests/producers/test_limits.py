"""How much may be unconfirmed."""

from __future__ import annotations

from headrace.producers.transport.limits import Limits, Room


def a_room(messages: int = 100, size: int = 100) -> Room:
    return Room(Limits(messages, size, 1, 1, 0.0))


def test_a_message_fits_as_long_as_all_bytes_together_do() -> None:
    room = a_room(size=100)
    room.take(60)
    assert room.fits(40)
    assert not room.fits(41)
    room.release(1, 60)
    assert room.fits(100)
    assert not room.fits(101)


def test_a_message_fits_as_long_as_fewer_messages_are_unconfirmed() -> None:
    room = a_room(messages=2)
    room.take(1)
    assert room.fits(1)
    room.take(1)
    assert not room.fits(0)
    room.release(2, 2)
    assert (room.messages, room.bytes) == (0, 0)
    assert room.fits(1)
