"""Logs of a running job: an event's name and a few fields, never a payload, an id or a personal value."""

from __future__ import annotations

import logging
import sys

import structlog


def set_up_logs(format_: str) -> None:
    """Log to stderr: lines for a person (``text``), one JSON object a line (``json``), or what fits (``auto``)."""
    as_text = format_ == "text" or (format_ == "auto" and sys.stderr.isatty())
    renderer = (
        structlog.dev.ConsoleRenderer(colors=sys.stderr.isatty()) if as_text else structlog.processors.JSONRenderer()
    )
    structlog.configure(
        processors=[
            structlog.processors.add_log_level,
            structlog.processors.TimeStamper(fmt="iso", utc=True),
            renderer,
        ],
        wrapper_class=structlog.make_filtering_bound_logger(logging.INFO),
        logger_factory=structlog.PrintLoggerFactory(sys.stderr),
    )
