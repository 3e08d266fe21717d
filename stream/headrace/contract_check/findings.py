"""Findings of a check of contracts, and the lines of files that they are on."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import NamedTuple

from headrace.schemas.compatibility.rules import Rule
from headrace.schemas.errors import ContractError
from headrace.schemas.fault_lines import SourceFile, with_lines
from headrace.util.terminal_safe import safe


class Finding(NamedTuple):
    """One broken rule, at a line of a file.

    *path* is the place in the contract, such as ``orders.v2.customer.email``. *waived* is the reason of a waiver.
    """

    rule: Rule
    file: str
    line: int
    path: str
    why: str
    remedy: str
    waived: str = ""

    @property
    def message(self) -> str:
        """The place in the contract, what is wrong there, and the remedy."""
        return f"{self.path}: {self.why}; {self.remedy}"


class Places:
    """The files of a folder's contracts, such as ``orders.v1``, in which findings get their lines."""

    def __init__(self, sources: Mapping[str, Sequence[SourceFile]]) -> None:
        self._sources = sources

    def finding(self, fault: ContractError, waived: str = "") -> Finding:
        """Return one fault as a finding; control characters in it are escaped."""
        error = with_lines(fault, self._sources)
        file, _, line = error.source.rpartition(":")
        words = map(safe, (file or fault.where, fault.where, error.why, error.remedy, waived))
        name, path, why, remedy, reason = words
        return Finding(fault.rule, name, int(line or 1), path, why, remedy, reason)
