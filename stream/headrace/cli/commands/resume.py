"""``headrace resume``: a subject that the flood guard holds goes on, and what cannot be read becomes dead letters."""

from __future__ import annotations

from pathlib import Path

from headrace.cli.commands.journal import open_existing
from headrace.engine.journal import LET_THROUGH, JournalError
from headrace.util.output import say


def resume_subject(subject: str, journal: Path | None) -> None:
    """Note it in the journal, where the engine looks while it waits; JournalError when *subject* is not paused."""
    opened = open_existing(journal)
    floods = opened.floods()
    if subject not in floods:
        paused = ", ".join(floods) or "none"
        raise JournalError(f"{subject}: not paused, as this engine's journal says; paused: {paused}")
    if floods[subject] == LET_THROUGH:
        say(f"{subject} is let through already, until its share of refused messages has fallen")
        return
    opened.let_through(subject)
    say(f"{subject} goes on; what cannot be read becomes dead letters until their share has fallen")
