"""The exit code of a command that ends with an error, and the sentence that it prints."""

from __future__ import annotations

import os
import traceback
from typing import Final

from headrace.errors import Exit, HeadraceError
from headrace.runtime.extras import explain_missing

# Errors of Google's clients and of the standard library. They are listed by name so that no client is imported here.
_BY_NAME: Final = {
    "NotFound": Exit.CONFIGURATION,
    "DefaultCredentialsError": Exit.PERMISSION,
    "Forbidden": Exit.PERMISSION,
    "PermissionDenied": Exit.PERMISSION,
    "Unauthenticated": Exit.PERMISSION,
    "ServiceUnavailable": Exit.UNREACHABLE,
    "DeadlineExceeded": Exit.UNREACHABLE,
    "RetryError": Exit.UNREACHABLE,
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
    # The state of the system causes these errors, not a bug: a missing file, or a folder in place of a file.
    "OSError": Exit.CONFIGURATION,
}


def explain(error: BaseException) -> tuple[Exit, str]:
    """Return the exit code of *error* and the sentence to print, which ends with the error's code if it has one."""
    if isinstance(error, HeadraceError) and error.exit_code != Exit.BUG:
        return error.exit_code, f"{_sentence(error)} [{error.error_code}]"
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


def explain_faults(error: BaseException) -> tuple[Exit, list[str]]:
    """Return the exit code of *error* and the sentences to print: one for each fault."""
    explained = [explain(each) for each in (error.faults if isinstance(error, HeadraceError) else (error,))]
    return explained[0][0], [sentence for _, sentence in explained]


def _sentence(error: BaseException) -> str:
    if isinstance(error, OSError) and error.strerror and type(error).__module__ == "builtins":
        return f"{error.filename or 'a file or a connection'}: {error.strerror.lower()}"
    return (str(error).strip().splitlines() or [type(error).__name__])[0]
