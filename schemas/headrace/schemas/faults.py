"""Faults of a contract, gathered so that one run tells all of them."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from contextlib import contextmanager
from typing import TypeVar

from headrace.schemas.errors import ContractError

T = TypeVar("T")
U = TypeVar("U")


class Faults:
    """Errors in the order in which they were found, each once."""

    def __init__(self) -> None:
        self.found: list[ContractError] = []
        self._known: set[str] = set()

    @contextmanager
    def gathered(self) -> Iterator[None]:
        """Keep a ContractError of the block, and go on after the block."""
        try:
            yield
        except ContractError as error:
            self.add(error.faults)

    def read(self, parse: Callable[[], T], instead: U) -> T | U:
        """Return what *parse* reads; for a faulty value, keep its error and return *instead*."""
        try:
            return parse()
        except ContractError as error:
            self.add(error.faults)
        return instead

    def add(self, errors: Iterable[ContractError]) -> None:
        """Keep *errors*."""
        for each in errors:
            if str(each) not in self._known:
                self._known.add(str(each))
                self.found.append(each)

    def raise_all(self) -> None:
        """Raise one ContractError of all that was found, if there is anything."""
        if self.found:
            raise together(self.found)


def together(faults: Sequence[ContractError]) -> ContractError:
    """Return one error of all *faults*, which are one or more."""
    first, *others = [each for fault in faults for each in fault.faults]
    return first.with_others(*others) if others else first
