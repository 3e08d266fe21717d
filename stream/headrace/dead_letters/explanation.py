"""The explanation of a refused message, as values that convert to JSON and hold no personal data."""

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

    *path* is empty and *offset* None when the payload as a whole is refused. *personal* is the field's kind of
    personal data, or None; *shown* says whether the byte at *offset* may be shown.
    """

    path: str
    offset: int | None
    why: str
    personal: str | None
    shown: bool


@dataclass(frozen=True, slots=True)
class DecodedField:
    """One value before the stop, at ``data[start:end]``. If *hidden* gives a reason, *value* is None."""

    path: str
    start: int
    end: int
    personal: str | None
    hidden: str
    value: str | int | float | bool | None = field(repr=False)

    @property
    def text(self) -> str:
        """The value, or in parentheses why it is hidden. Not escaped for a terminal: use ``terminal_safe.safe``."""
        return f"({self.hidden})" if self.hidden else "null" if self.value is None else str(self.value)


@dataclass(frozen=True, slots=True)
class DecodeCheck:
    """Whether decoding accepts a message now; *reason* is a dead letter's, and empty when it is accepted.

    Lateness, deduplication and BigQuery are not checked.
    """

    accepted: bool
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Nearest:
    """The contract that reads all of the payload (``fits``) or most of it (``closest``).

    *would_decode* checks the same message as if it claimed this contract, on the topic of its subject.
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

    *claimed* is the contract that its envelope names, or None; *known* says whether the registry has it.
    *looks_like* names another format that the payload seems to be in.

    *stop* is the claimed contract's, and None when that contract reads everything or is unknown. *fields* are the
    values decoded before the stop, with *read_as*: the claimed contract, or the nearest one if it is unknown. *wrong*
    names the values that cannot be read when all others can: a patch of these makes the event valid.
    """

    subject: str
    bytes: int
    envelope: EnvelopeFault | None
    claimed: str | None
    known: bool
    stop: Stop | None
    read_as: str | None
    fields: tuple[DecodedField, ...]
    fields_left_out: int
    wrong: tuple[str, ...]
    nearest: Nearest | None
    looks_like: str | None
    would_decode: DecodeCheck

    @property
    def marked(self) -> Stop | None:
        """The stop under *read_as*."""
        return self.stop if self.known or self.nearest is None else self.nearest.stop

    def to_json(self) -> dict[str, Any]:
        """Return the explanation in JSON's own types."""
        return asdict(self)
