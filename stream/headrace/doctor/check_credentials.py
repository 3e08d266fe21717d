"""The credentials for Google Cloud, and the clients that use them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

import google.auth
from google.auth.exceptions import DefaultCredentialsError, GoogleAuthError, RefreshError, TransportError
from google.auth.transport.requests import Request

from headrace.doctor.check_services import is_emulated
from headrace.doctor.findings import SIGN_IN, Finding, Level, ok
from headrace.provision import Clients
from headrace.runtime.google_clients import open_bigquery, open_gapic_publisher, open_subscriber
from headrace.runtime.reachability import JOB

_SCOPE: Final = "https://www.googleapis.com/auth/cloud-platform"


def look_at_credentials() -> Iterator[Finding]:
    """Find the credentials and have them confirmed; emulators need none."""
    if all(map(is_emulated, JOB)):
        yield ok("credentials", "not needed: all services are emulators")
    else:
        yield _find_credentials()


def open_clients(project: str) -> Clients:
    """Open the clients of *project*."""
    return Clients(open_gapic_publisher(), open_subscriber(), open_bigquery(project))


def _find_credentials() -> Finding:
    try:
        credentials, _ = google.auth.default(scopes=[_SCOPE])
        credentials.refresh(Request())
    except DefaultCredentialsError:
        return Finding(Level.PROBLEM, "credentials", "none are found, or their file is not valid", SIGN_IN)
    except RefreshError:
        return Finding(Level.PROBLEM, "credentials", "they are refused: expired, revoked or of a deleted key", SIGN_IN)
    except TransportError:
        return Finding(Level.UNKNOWN, "credentials", "found, but not checked: Google does not answer", SIGN_IN)
    except GoogleAuthError:
        return Finding(Level.PROBLEM, "credentials", "they cannot be used", SIGN_IN)
    account = getattr(credentials, "service_account_email", None)
    return ok("credentials", f"valid, of {account}" if account else "valid, of a person or a federated identity")
