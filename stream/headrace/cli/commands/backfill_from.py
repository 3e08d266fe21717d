"""``headrace backfill --from``: rows of a database or an API through the engine, as files of history go."""

from __future__ import annotations

import threading
from dataclasses import dataclass
from pathlib import Path

from headrace.backfill.connectors.connector_config import Pull, read_pull
from headrace.backfill.connectors.dlt_rows import require_dlt, rows_of
from headrace.backfill.connectors.row_source import PullSource
from headrace.cli.commands.backfill import check, write
from headrace.config.served_contracts import served
from headrace.config.settings import Settings
from headrace.engine.journal import Journal
from headrace.engine.retry import Patience
from headrace.runtime.clock import now_micros
from headrace.runtime.exit_codes import Exit
from headrace.schemas.registry import Contract


@dataclass(frozen=True, slots=True)
class Pulling:
    """What is to be pulled; *now* in microseconds since 1970."""

    pull: Pull
    now: int

    @property
    def contract(self) -> Contract:
        """What the rows are events of."""
        return self.pull.contract

    def source(self, journal: Journal | None, patience: Patience, stop: threading.Event) -> PullSource:
        """The rows as the engine takes them."""
        return PullSource(self.pull, rows_of, journal, patience, stop, self.now)


def pull_backfill(settings: Settings, path: Path, journal: Path | None, format_: str, dry_run: bool) -> Exit:
    """Pull what is new as the file at *path* says, and write it.

    *dry_run*: pull from the cursor's start, check every row and write nothing.

    Raises:
        MappingError: the file says what is not known, or refers to what is not there.
        ModuleNotFoundError: the extra dlt is not installed.
        PullError: the rows cannot be pulled, or no further; those before are written.
    """
    require_dlt()
    pull = read_pull(path, served(settings))
    folder = journal if journal is not None else Path(".headrace/backfill") / pull.contract.subject
    command = check if dry_run else write
    return command(settings.model_copy(update={"journal": folder}), Pulling(pull, now_micros()), format_)
