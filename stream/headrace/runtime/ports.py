"""The numbers of TCP ports."""

from __future__ import annotations

from typing import Final

HIGHEST_PORT: Final = 65_535
