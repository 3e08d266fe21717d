"""The errors of one subject that end the whole engine, and the descriptions of those that do not."""

from __future__ import annotations

import traceback
from pathlib import Path
from typing import Final

import apsw

from headrace.bigquery.append_result import HaltError
from headrace.engine.clock_check import ClockError
from headrace.engine.journal_errors import JournalError
from headrace.engine.journal_lease import FencedError, InUseError
from headrace.schema_registry.registry_errors import PinBrokenError, PinFileError, RegistryError
from headrace.schemas.errors import ContractError

# All subjects share journal and claim. An engine that finds other rows than the committed ones must not go on.
ENDS_ALL: Final = (HaltError, FencedError, InUseError, ClockError, JournalError, apsw.Error)
_FRAMES: Final = 4


def describe_error(error: Exception) -> str:
    """Return a description of a subject's problem for people.

    Leave out the text of an error that is not Headrace's own, because it may contain values.
    """
    stays = "its messages stay in Pub/Sub, and the subject is tried again"
    if isinstance(error, ContractError | RegistryError | PinBrokenError | PinFileError):
        return f"{error}; {stays}"
    return f"{type(error).__name__} at {innermost_calls(error)}: {stays}; if it does not go away, report this line"


def innermost_calls(error: BaseException) -> str:
    """Return the innermost calls, outermost first, by module, function and line, without their arguments."""
    frames = traceback.extract_tb(error.__traceback__)[-_FRAMES:]
    return " > ".join(f"{Path(each.filename).stem}.{each.name}:{each.lineno}" for each in frames)
