"""Exit codes, stable and documented, and the sentence that goes with each."""

from __future__ import annotations

import os
import traceback
from enum import IntEnum
from typing import Final

from headrace.runtime.extras import explain_missing


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
    OUTPUT = 74  # done, and stdout could not be written: closed, or its disk is full
    INTERRUPTED = 130
    READER_GONE = 141  # as a shell says of a program that wrote into a closed pipe


_BY_NAME: Final = {
    "FormatError": Exit.USAGE,
    "ScopeError": Exit.USAGE,
    "ChoiceError": Exit.USAGE,
    "SettingsError": Exit.CONFIGURATION,
    "ContractError": Exit.CONFIGURATION,
    "ProvisionError": Exit.CONFIGURATION,
    "UnknownSchemaError": Exit.CONFIGURATION,
    "EmulatorMissingError": Exit.CONFIGURATION,
    "BenchMissingError": Exit.CONFIGURATION,
    "EmulatorFailedError": Exit.UNREACHABLE,
    "DemoFailedError": Exit.UNREACHABLE,
    "ArgumentError": Exit.USAGE,
    "ReaderGoneError": Exit.READER_GONE,
    "OutputError": Exit.OUTPUT,
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
    "RequestException": Exit.UNREACHABLE,
    "RpcError": Exit.UNREACHABLE,
    "ServerError": Exit.UNREACHABLE,
    "TooManyRequests": Exit.UNREACHABLE,
    "TransportError": Exit.UNREACHABLE,
    "RefreshError": Exit.PERMISSION,
    "GoogleAuthError": Exit.PERMISSION,
    "Unauthorized": Exit.PERMISSION,
    "Aborted": Exit.UNREACHABLE,
    "Cancelled": Exit.UNREACHABLE,
    "Redirection": Exit.UNREACHABLE,
    "FutureTimeoutError": Exit.UNREACHABLE,
    "HTTPError": Exit.UNREACHABLE,
    # What the system refuses is its state, not a bug: a file that is not there, a folder where a file is wanted.
    "OSError": Exit.CONFIGURATION,
}
# What is raised and caught inside, and never reaches a person: why.
INTERNAL: Final = {
    "MalformedEnvelopeError": "a message's fate: a dead letter",
    "UndecodableError": "a message's fate: a dead letter",
    "RefusedError": "a message's fate: a dead letter",
    "FunctionError": "a message's fate: a dead letter",
    "InvalidJsonError": "whoever reads the text says which line or option it is of",
    "UnreadableTextError": "whoever reads the text says which field it is of",
    "Malformed": "the decoders turn it into UndecodableError",
    "_BeyondError": "the decoder's trace ends there",
    "ExpressionError": "the lint turns it into ContractError",
    "StoppedError": "a wait that ends because the engine is told to stop",
    "_DiedError": "the process that reads has ended: turned into a BackfillError",
    "_StoppedError": "a replay that ends because it is told to stop",
    "FloodError": "Dataflow tries the bundle again, and an alert fires",
    "LookupFailedError": "Dataflow tries the bundle again",
    "AppendError": "Dataflow tries the bundle again",
    "ProducerClosedError": "a mistake in an application's code, which the SDK raises there",
}


def explain(error: BaseException) -> tuple[Exit, str]:
    """Turn an error into an exit code and a sentence; by name, so that no Google client need be imported."""
    if isinstance(error, MemoryError):
        return Exit.CONFIGURATION, "too little memory; give the process more, or let it serve fewer subjects"
    for class_ in type(error).__mro__:
        code = _BY_NAME.get(class_.__name__)
        if code is not None:
            return code, _sentence(error)
    if missing := explain_missing(error):
        return Exit.CONFIGURATION, missing
    if os.environ.get("HEADRACE_DEBUG"):
        traceback.print_exception(error)
    hint = "this is a bug; set HEADRACE_DEBUG=1 for the traceback and report it"
    return Exit.BUG, f"{type(error).__name__}: {hint}"


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and type(error).__module__ == "builtins":
        return f"{error.filename or 'a file or a connection'}: {error.strerror.lower()}"
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
