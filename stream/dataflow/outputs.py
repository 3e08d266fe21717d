"""The names of the ways out that several steps have."""

from __future__ import annotations

from typing import Final

DEAD_LETTERS: Final = "dead_letters"
TALLIES: Final = "tallies"
