"""Named types of one schema: those that are defined, those whose definition is open, and those that are faulty."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from headrace.schemas.avro_names import PRIMITIVES, FullName, candidates, checked_names, declared_name
from headrace.schemas.errors import ContractError
from headrace.schemas.model import NOTHING, Kind, Record, Recursive, Scalar, Type
from headrace.schemas.named_types import unknown_type


class TypeScope:
    """Types by their full names. A use of a faulty type has the fault of its definition."""

    def __init__(self) -> None:
        self._types: dict[str, Type] = {}
        self._open: dict[str, list[Record]] = {}  # a list gets the record when it is complete
        self._faulty: dict[str, ContractError] = {}

    def declare(self, avro: Mapping[str, Any], namespace: str, where: str) -> FullName:
        """Return the name that a definition declares; raises ContractError if it is invalid, or taken."""
        name = declared_name(avro, namespace, where)
        checked_names(avro.get("aliases"), f"{where}.aliases", "aliases")
        if str(name) in self._types or str(name) in self._open:
            raise ContractError(
                where,
                f"{name} is defined twice",
                f'define it once, and write "type": "{name}" where it is used again',
            )
        return name

    def keep(self, name: FullName, parse: Callable[[], Type]) -> Type:
        """Return the type that *parse* reads, and keep it under its name."""
        try:
            self._types[str(name)] = type_ = parse()
        except ContractError as error:
            self._faulty[str(name)] = error
            raise
        return type_

    @contextmanager
    def open_record(self, name: FullName) -> Iterator[list[Record]]:
        """Define a record, which the block adds to the list; its own fields may use its name."""
        complete: list[Record] = []
        self._open[str(name)] = complete
        try:
            yield complete
            self._types[str(name)] = complete[0]
        except ContractError as error:
            self._faulty[str(name)] = error
            raise
        finally:
            del self._open[str(name)]

    def type(self, name: str, namespace: str, where: str) -> Type:
        """Return the type that *name* means within a namespace; raises ContractError if it means none."""
        if name in PRIMITIVES:
            return NOTHING if name == "null" else Scalar(Kind(name))
        full = self.full_name(name, namespace)
        if full is None:
            told = (self._faulty[each] for each in candidates(name, namespace) if each in self._faulty)
            raise next(told, None) or unknown_type(name, self._types, where)
        return Recursive(full, self._open[full]) if full in self._open else self._types[full]

    def full_name(self, name: str, namespace: str) -> str | None:
        """Return the full name of the type that *name* means; None if it means none."""
        return next((full for full in candidates(name, namespace) if full in self._open or full in self._types), None)
