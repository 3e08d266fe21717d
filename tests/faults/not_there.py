"""Faults of the catalogue that have no scenario, and why: printed in the output, not skipped in silence."""

from __future__ import annotations

from typing import Final

NOT_THERE: Final = {
    "F05, F28 (durable producers)": "`python -m tests.outbox_kills --table` kills producers while the broker goes away",
    "F22": "no mask is the user's own code, and the built-in ones are total; a step that raises ends the engine",
    "F26 (registry down, or another schema under a known name)": "`pytest -m registry` has it: it needs a registry",
}
