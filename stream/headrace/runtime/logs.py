"""Logs of a running job. A log line has a name and a few fields, never a payload, an id or a personal value."""

from __future__ import annotations

import logging
import sys

import structlog
from structlog.typing import EventDict, Processor, WrappedLogger

from headrace.schemas.columns import fallback_remedy
from headrace.util.terminal_safe import safe

_LOG = structlog.get_logger("headrace")


def set_up_logs(format_: str) -> None:
    """Log to stderr: lines for people (``text``) or one JSON object a line (``json``).

    With ``auto``, log text to a terminal and JSON elsewhere.
    """
    as_text = format_ == "text" or (format_ == "auto" and sys.stderr.isatty())
    renderers: list[Processor] = [structlog.processors.JSONRenderer()]  # in ASCII
    if as_text:
        renderers = [_safe_texts, structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty())]
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            *renderers,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=lambda *_: structlog.PrintLogger(sys.stderr),  # a panel on the terminal takes stderr over
    )


def warn_of_fallback() -> None:
    """Log a warning, with the remedy, if the pure-Python fallback decodes events."""
    remedy = fallback_remedy()
    if remedy is not None:
        _LOG.warning(
            "the pure-Python fallback decodes events: the same results, several times slower",
            remedy=remedy,
        )


def _safe_texts(logger: WrappedLogger, method: str, event: EventDict) -> EventDict:
    """Escape control characters in texts such as file names and servers' answers, so that no terminal obeys them."""
    return {name: safe(value) if isinstance(value, str) else value for name, value in event.items()}
