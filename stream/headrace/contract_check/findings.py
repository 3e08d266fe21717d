"""Findings of a check of contracts."""

from __future__ import annotations

from typing import NamedTuple

from headrace.schemas.compatibility.rules import Rule


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
    def text(self) -> str:
        """The finding as one line for people."""
        waived = f" (waived: {self.waived})" if self.waived else ""
        return f"{self.file}:{self.line}: {self.rule}: {self.path}: {self.why}; {self.remedy}{waived}"
