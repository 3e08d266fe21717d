"""The explanation of a refused message, in values that convert to JSON and hold no personal data."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class EnvelopeFault:
    """The first attribute that breaks the rules of the envelope."""

    attribute: str
    why: str


@dataclass(frozen=True, slots=True)
class Stop:
    """The place where the strict decoder stops: the innermost field, and the byte at which its value begins.

    If the payload as a whole is refused, *path* is empty and *offset* None. *personal* is the field's kind of personal
    data, or None. *shown* is True if the byte at *offset* may be shown.
    """

    path: str
    offset: int | None
    why: str
    personal: str | None
    shown: bool


@dataclass(frozen=True, slots=True)
class DecodedField:
    """One value before the stop, at ``data[start:end]``. *hidden* is the reason to leave out *value*, or empty."""

    path: str
    start: int
    end: int
    personal: str | None
    hidden: str
    value: str | int | float | bool | None = field(repr=False)

    @property
    def text(self) -> str:
        """The value, or in parentheses why it is hidden. Escape it for a terminal with ``terminal_safe.safe``."""
        return f"({self.hidden})" if self.hidden else "null" if self.value is None else str(self.value)


@dataclass(frozen=True, slots=True)
class DecodeCheck:
    """Whether decoding accepts a message now; *reason* is that of a dead letter, or empty if it is accepted.

    The check covers neither lateness, nor deduplication, nor BigQuery.
    """

    accepted: bool
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Nearest:
    """The contract that can read all of the payload (``fits``) or most of it (``closest``).

    *would_decode* checks the same message as if it claimed this contract, on the topic of the contract's subject.
    """

    contract: str
    fit: Literal["fits", "closest"]
    fields_read: int
    fields: int
    stop: Stop | None
    would_decode: DecodeCheck


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a message was refused.

    *declared* says how the newest contract has the message read; it is empty for a message in Headrace's own envelope.
    *claimed* is the contract that the message names; without one, *unclaimed* may say why. *known* tells whether the
    registry has it. *looks_like* names another format that the payload may have, and *setting* is what a
    contract states so that the job can read it. Offsets count in the payload; if it is compressed or within something
    else, they count in the *unpacked* number of bytes that are left without that.

    *stop* is the place where the claimed contract stops, or None if it reads everything or is unknown. *fields* are the
    values decoded before the stop with *read_as*: the claimed contract, or the nearest one if it is unknown. *wrong*
    names the only values that cannot be read, if any: a patch of these makes the event valid.
    """

    subject: str
    bytes: int
    envelope: EnvelopeFault | None
    declared: str
    claimed: str | None
    unclaimed: str
    known: bool
    stop: Stop | None
    read_as: str | None
    fields: tuple[DecodedField, ...]
    fields_left_out: int
    wrong: tuple[str, ...]
    nearest: Nearest | None
    looks_like: str | None
    setting: str
    unpacked: int | None
    would_decode: DecodeCheck

    @property
    def marked(self) -> Stop | None:
        """The place where the contract *read_as* stops."""
        return self.stop if self.known or self.nearest is None else self.nearest.stop

    def to_json(self) -> dict[str, Any]:
        """Return the explanation in JSON's types."""
        return asdict(self)
