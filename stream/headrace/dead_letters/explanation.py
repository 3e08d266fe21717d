"""What is wrong with a refused message, as values that are easily turned into JSON and hold nothing secret."""

from __future__ import annotations

from dataclasses import asdict, dataclass, field
from typing import Any, Literal


@dataclass(frozen=True, slots=True)
class EnvelopeFault:
    """The first attribute that is not what the envelope asks for."""

    attribute: str
    why: str


@dataclass(frozen=True, slots=True)
class Stop:
    """Where the strict decoder stops: the innermost field, and the byte at which its value begins.

    *path* is empty and *offset* None where the payload as a whole is refused. *personal* is the field's kind of
    personal data, if it is any; *shown* whether the byte at *offset* may be seen.
    """

    path: str
    offset: int | None
    why: str
    personal: str | None
    shown: bool


@dataclass(frozen=True, slots=True)
class DecodedField:
    """One value before the stop: its bytes are ``data[start:end]``; *value* is None while *hidden* says why."""

    path: str
    start: int
    end: int
    personal: str | None
    hidden: str
    value: str | int | float | bool | None = field(repr=False)

    @property
    def text(self) -> str:
        """The value, or in parentheses why it is not shown. Unsafe for a terminal: see ``terminal.safe``."""
        return f"({self.hidden})" if self.hidden else "null" if self.value is None else str(self.value)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What decoding would say of a message today; *reason* is a dead letter's, empty when it is accepted.

    Lateness, deduplication and BigQuery are not asked.
    """

    accepted: bool
    reason: str
    detail: str


@dataclass(frozen=True, slots=True)
class Nearest:
    """The contract that reads all of the payload (``fits``) or most of it (``closest``).

    *verdict* is on the same message if it claimed this contract, on the topic of its subject.
    """

    contract: str
    fit: Literal["fits", "closest"]
    fields_read: int
    fields: int
    stop: Stop | None
    verdict: Verdict


@dataclass(frozen=True, slots=True)
class Explanation:
    """Why a message was refused.

    *claimed* is the contract its envelope names, None when it names none; *known* whether that is in the registry.
    *looks_like* names another format that the payload seems to be in.

    *stop* is under the claimed contract, None when that reads all of it or is not known. *fields* is the part decoded
    up to there, under *read_as*: the claimed contract, or while that is not known the nearest one. *wrong* are the
    values that stop it when all others can be read: a patch of these mends it.
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
    today: Verdict

    @property
    def marked(self) -> Stop | None:
        """Where to look: the stop under *read_as*."""
        return self.stop if self.known or self.nearest is None else self.nearest.stop

    def to_json(self) -> dict[str, Any]:
        """The explanation as JSON's own types."""
        return asdict(self)
