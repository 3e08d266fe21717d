"""Versions that count as published, wherever that is known from."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from headrace.contract_check.check_versions import Broken
from headrace.schemas.envelope import SchemaRef
from headrace.schemas.registry import Contract


@dataclass(frozen=True, slots=True)
class Published:
    """The published *contracts*, which must not change or vanish, and what else is *broken* where they are published.

    *names* are those of versions there, such as ``revision f47c8c56 of projects/my-project/schemas/orders``.
    """

    contracts: Mapping[SchemaRef, Contract] = field(default_factory=dict, repr=False)
    names: Mapping[SchemaRef, str] = field(default_factory=dict)
    broken: tuple[Broken, ...] = ()

    def named(self, ref: SchemaRef) -> str:
        """Return the word ``published``, with the name of a version if it has one."""
        return f"published as {self.names[ref]}" if ref in self.names else "published"
