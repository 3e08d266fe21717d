"""``headrace backfill --from``: write the rows of a database or an API, as if they came from files."""

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
from headrace.engine.retry import RetryPolicy
from headrace.errors import Exit
from headrace.runtime.clock import now_micros
from headrace.schemas.registry import Contract


@dataclass(frozen=True, slots=True)
class Pulling:
    """A pull from a database or an API; *now* is in microseconds since 1970."""

    pull: Pull
    now: int

    @property
    def contract(self) -> Contract:
        """The contract of the rows."""
        return self.pull.contract

    def source(self, journal: Journal | None, retry: RetryPolicy, stop: threading.Event) -> PullSource:
        """Return the rows as a source for the engine."""
        return PullSource(self.pull, rows=rows_of, journal=journal, retry=retry, stop=stop, now=self.now)


def pull_backfill(settings: Settings, path: Path, journal: Path | None, format_: str, dry_run: bool) -> Exit:
    """Pull new rows with the configuration in the file at *path*, and write them.

    With *dry_run*, pull from the start of the cursor, check every row, and write nothing.

    Raises:
        MappingError: the file has an unknown key, or names something that does not exist.
        ModuleNotFoundError: the extra `dlt` is not installed.
        PullError: rows cannot be pulled; the rows before are written.
    """
    require_dlt()
    pull = read_pull(path, served(settings))
    folder = journal if journal is not None else Path(".headrace/backfill") / pull.contract.subject
    command = check if dry_run else write
    return command(settings.model_copy(update={"journal": folder}), Pulling(pull, now_micros()), format_)
