"""Exit codes, stable and documented, and the sentence that goes with each."""

from __future__ import annotations

import os
import traceback
from enum import IntEnum


class Exit(IntEnum):
    """What the command's exit code means."""

    DONE = 0
    FOUND = 1  # ran, and found what it looks for: a difference, an invalid event
    USAGE = 2
    CONFIGURATION = 3
    PERMISSION = 4
    UNREACHABLE = 5
    HALTED = 6  # what is stored is not what was committed, or another engine took over; nothing was acknowledged
    BUG = 70
    INTERRUPTED = 130


_BY_NAME = {
    "FormatError": Exit.USAGE,
    "ScopeError": Exit.USAGE,
    "ChoiceError": Exit.USAGE,
    "SettingsError": Exit.CONFIGURATION,
    "ContractError": Exit.CONFIGURATION,
    "ProvisionError": Exit.CONFIGURATION,
    "UnknownSchemaError": Exit.CONFIGURATION,
    "EmulatorMissingError": Exit.CONFIGURATION,
    "BenchMissingError": Exit.CONFIGURATION,
    "DemoDataMissingError": Exit.CONFIGURATION,
    "NotFound": Exit.CONFIGURATION,
    "NoTopicError": Exit.CONFIGURATION,
    "InUseError": Exit.CONFIGURATION,
    "AddressError": Exit.CONFIGURATION,
    "ClockError": Exit.CONFIGURATION,
    "FailpointError": Exit.CONFIGURATION,
    "SealedError": Exit.CONFIGURATION,
    "ArchiveError": Exit.CONFIGURATION,
    "NoArchiveError": Exit.CONFIGURATION,
    "EditorError": Exit.CONFIGURATION,
    "GraphError": Exit.CONFIGURATION,
    "GcloudError": Exit.CONFIGURATION,
    "ReplayError": Exit.CONFIGURATION,
    "PricesError": Exit.CONFIGURATION,
    "ScaleError": Exit.CONFIGURATION,
    "MappingError": Exit.CONFIGURATION,
    "BackfillError": Exit.CONFIGURATION,
    "BenchFailedError": Exit.UNREACHABLE,
    "TableReplacedError": Exit.UNREACHABLE,
    "SourceAwayError": Exit.UNREACHABLE,
    "HaltError": Exit.HALTED,
    "FencedError": Exit.HALTED,
    "JournalBrokenError": Exit.HALTED,
    "JournalError": Exit.CONFIGURATION,
    "InvalidEventError": Exit.FOUND,
    "InvalidLineError": Exit.FOUND,
    "MendError": Exit.FOUND,
    "ImportLineError": Exit.FOUND,
    "DefaultCredentialsError": Exit.PERMISSION,
    "Forbidden": Exit.PERMISSION,
    "PermissionDenied": Exit.PERMISSION,
    "Unauthenticated": Exit.PERMISSION,
    "ServiceUnavailable": Exit.UNREACHABLE,
    "DeadlineExceeded": Exit.UNREACHABLE,
    "RetryError": Exit.UNREACHABLE,
    "PublishError": Exit.UNREACHABLE,
    "TimeoutError": Exit.UNREACHABLE,
    "ConnectionError": Exit.UNREACHABLE,
}


def explain(error: BaseException) -> tuple[Exit, str]:
    """Turn an error into an exit code and a sentence; by name, so that no Google client need be imported."""
    for class_ in type(error).__mro__:
        code = _BY_NAME.get(class_.__name__)
        if code is not None:
            return code, _first_line(error)
    if os.environ.get("HEADRACE_DEBUG"):
        traceback.print_exception(error)
    hint = "this is a bug; set HEADRACE_DEBUG=1 for the traceback and report it"
    return Exit.BUG, f"{type(error).__name__}: {hint}"


def _first_line(error: BaseException) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
