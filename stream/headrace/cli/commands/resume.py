"""``headrace resume``: resume a subject that the circuit breaker has paused."""

from __future__ import annotations

from pathlib import Path

from headrace.cli.commands.journal import open_existing
from headrace.engine.journal import LET_THROUGH, JournalError
from headrace.util.output import say


def resume_subject(subject: str, journal: Path | None) -> None:
    """Record it in the journal, which a waiting engine reads. Raises JournalError when *subject* is not paused."""
    opened = open_existing(journal)
    floods = opened.floods()
    if subject not in floods:
        paused = ", ".join(floods) or "none"
        raise JournalError(f"{subject}: not paused by this engine's journal; use one of the paused: {paused}")
    if floods[subject] == LET_THROUGH:
        say(f"{subject} is resumed already, until its share of refused messages has fallen")
        return
    opened.let_through(subject)
    say(f"{subject} is resumed; messages that cannot be read become dead letters until their share has fallen")
