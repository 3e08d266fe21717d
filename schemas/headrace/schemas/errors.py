"""Errors of contracts, events and messages."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial

from headrace.errors import Exit, HeadraceError
from headrace.schemas.compatibility.rules import Rule
from headrace.schemas.notation import Notation


class ContractError(HeadraceError, ValueError, error_code="HR-101", exit_code=Exit.CONFIGURATION):
    """A contract breaks a rule. The text gives the place, the problem and the remedy, on one line for each fault.

    *source* is the file and the line, such as ``orders.v1.avsc:7``, if they are known. *others* are further faults.
    *rule* is the name under which ``headrace contracts check`` reports the fault.
    """

    def __init__(
        self,
        where: str,
        why: str,
        remedy: str,
        source: str = "",
        others: tuple[ContractError, ...] = (),
        *,
        rule: Rule = Rule.CONTRACT_INVALID,
    ) -> None:
        self.where, self.why, self.remedy, self.source, self._others = where, why, remedy, source, others
        self.rule = rule
        super().__init__("\n".join([f"{self.place}: {why}; {remedy}", *map(str, others)]))

    @property
    def place(self) -> str:
        """The file and the line, if they are known, and what is wrong there."""
        return f"{self.source}: {self.where}" if self.source else self.where

    @property
    def faults(self) -> tuple[ContractError, ...]:
        """Each fault as an error of its own."""
        if not self._others:
            return (self,)
        return (self.with_others(), *self._others)

    def with_others(self, *others: ContractError) -> ContractError:
        """Return this fault with *others* in place of those that it has."""
        return ContractError(self.where, self.why, self.remedy, self.source, others, rule=self.rule)

    def __reduce__(self) -> tuple[Callable[..., ContractError], tuple[object, ...]]:
        again = partial(ContractError, rule=self.rule)
        return again, (self.where, self.why, self.remedy, self.source, self._others)


class UnknownSchemaError(HeadraceError, LookupError, error_code="HR-102", exit_code=Exit.CONFIGURATION):
    """No contract has this subject and version."""


class CompiledModuleError(HeadraceError, RuntimeError, error_code="HR-112", exit_code=Exit.CONFIGURATION):
    """The compiled decoder was built from other sources than the Python code. The text explains how to rebuild it."""


class MalformedEnvelopeError(HeadraceError, ValueError, error_code="HR-106", exit_code=Exit.BUG):
    """A message lacks a valid attribute. The text names the *attribute*, never its value."""

    def __init__(self, attribute: str, why: str) -> None:
        super().__init__(f"{attribute} {why}")
        self.attribute, self.why = attribute, why


class UndecodableError(HeadraceError, ValueError, error_code="HR-107", exit_code=Exit.BUG):
    """A payload is not one datum of its contract. The text names the field and the byte, never a value.

    *path* is the innermost field, such as ``items[2].price`` or ``labels[0].key``; it is empty for the payload as a
    whole. *offset* is the byte at which the value begins, or the first byte after the datum; None if the error has no
    position. *remedy* is what the producer can change, where that is known. *setting* follows it, and is what the
    contract can state instead, in JSON.
    """

    def __init__(
        self, why: str, path: str = "", offset: int | None = None, remedy: str = "", setting: str = ""
    ) -> None:
        self.why, self.path, self.offset, self.remedy, self.setting = why, path, offset, remedy, setting
        super().__init__(self.told(Notation.SCHEMA))

    def told(self, notation: Notation) -> str:
        """Return the text, with the setting in the form of a contract."""
        place = f"{self.path}: " if self.path else ""
        at = "" if self.offset is None else f" at byte {self.offset}"
        then = self.remedy + notation.words(self.setting)
        return f"{place}{self.why}{at}" + (f"; {then}" if then else "")

    def behind(self, start: int) -> UndecodableError:
        """Return the same error for a payload in which *start* more bytes are in front."""
        offset = None if self.offset is None else self.offset + start
        return UndecodableError(self.why, self.path, offset, self.remedy, self.setting)


class InvalidEventError(HeadraceError, ValueError, error_code="HR-103", exit_code=Exit.FOUND):
    """An event does not match its contract. The text names the field, its type and the remedy, never the value."""

    def __init__(self, path: str, why: str, remedy: str) -> None:
        super().__init__(f"{path}: {why}; {remedy}")
        self.path, self.why, self.remedy = path, why, remedy


class UnreadableTextError(HeadraceError, ValueError, error_code="HR-104", exit_code=Exit.BUG):
    """A text is not a value of the wanted type. The error's text gives the problem and the remedy, never the value."""

    UNLIKE = "text that is not a value of this field"

    def __init__(self, remedy: str, why: str = UNLIKE) -> None:
        super().__init__(f"{why}; {remedy}")
        self.why, self.remedy = why, remedy
