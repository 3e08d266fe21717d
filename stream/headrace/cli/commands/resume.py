"""``headrace resume``: close a subject's circuit, so that unreadable messages become dead letters."""

from __future__ import annotations

from pathlib import Path

from headrace.cli.commands.journal import open_existing
from headrace.engine.journal_errors import JournalError
from headrace.steps.circuit_breaker import CircuitState
from headrace.util.output import say


def resume_subject(subject: str, journal: Path | None) -> None:
    """Record in the journal that the circuit is closed; the engine reads this while it waits.

    Raises:
        JournalError: the circuit is not open.
    """
    opened = open_existing(journal)
    circuits = opened.circuits()
    if subject not in circuits:
        open_ones = ", ".join(circuits) or "none"
        raise JournalError(f"{subject}: its circuit is not open in this engine's journal; open: {open_ones}")
    if circuits[subject] is CircuitState.FORCED_CLOSED:
        say(f"{subject}: its circuit is closed already, until the share of refused messages has fallen")
        return
    opened.force_circuit_closed(subject)
    say(f"{subject}: its circuit closes; unreadable messages become dead letters until their share has fallen")
