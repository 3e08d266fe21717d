"""Errors of Pub/Sub and of Cloud Storage, as sentences with a remedy."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Final

from headrace.schema_registry.registry_errors import RegistryAwayError, RegistryRefusedError

AGAIN: Final = "run the command again: it compares anew, and continues"
_SHOWN: Final = 300  # characters of an answer


@contextmanager
def explained(place: str, permission: str) -> Iterator[None]:
    """Raise RegistryError with *place* in place of an error that says that a call was not allowed or not answered.

    An answer to what was asked, such as NotFound, is raised as it is. *permission* is what the call needs.
    """
    from google.api_core.exceptions import ClientError, Forbidden, GoogleAPIError, TooManyRequests, Unauthorized
    from google.auth.exceptions import GoogleAuthError

    try:
        yield
    except (Forbidden, Unauthorized, GoogleAuthError) as error:
        said = f"{place}: {type(error).__name__}; this needs {permission} (docs/permissions.md)"
        raise RegistryRefusedError(said) from None
    except (ClientError, GoogleAPIError, OSError) as error:
        if isinstance(error, ClientError) and not isinstance(error, TooManyRequests):
            raise
        raise RegistryAwayError(f"{place}: the service does not answer ({type(error).__name__}); {AGAIN}") from None


def first_line(message: str) -> str:
    """Return the first line of an answer, which is about a schema, at a length that people read."""
    return (message.strip().splitlines() or ["no reason"])[0][:_SHOWN]
