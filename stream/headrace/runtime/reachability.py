"""A check, before a command starts its work, that each service answers.

Google's clients retry a failed call for up to ten minutes without a message. This check reports a mistyped address or a
missing network within seconds.
"""

from __future__ import annotations

import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from enum import Enum
from functools import cache
from typing import Final

from headrace.errors import Exit, HeadraceError
from headrace.runtime.google_clients import BIGQUERY, BIGQUERY_STORAGE, PUBSUB, STORAGE, emulator_host
from headrace.util.output import say

NOTICE_SECONDS: Final = 3.0
REACH_SECONDS: Final = 20.0


class UnreachableError(HeadraceError, ConnectionError, error_code="HR-510", exit_code=Exit.UNREACHABLE):
    """A service did not answer in time, or only with failures. The text names it, its address and the remedy."""


class Service(Enum):
    """A service that commands call: its name, the variable with its emulator's address, and its host at Google."""

    PUBSUB = ("Pub/Sub", PUBSUB, "pubsub.googleapis.com")
    BIGQUERY = ("BigQuery", BIGQUERY, "bigquery.googleapis.com")
    WRITE = ("BigQuery's Storage Write API", BIGQUERY_STORAGE, "bigquerystorage.googleapis.com")
    STORAGE = ("Cloud Storage", STORAGE, "storage.googleapis.com")

    @property
    def place(self) -> str:
        """The service's name and address, for people."""
        title, variable, host = self.value
        return f"{title} at {emulator_host(variable) or host}"


JOB: Final = (Service.PUBSUB, Service.BIGQUERY, Service.WRITE)  # the services that the job itself calls


def reach(*services: Service, seconds: float | None = None) -> None:
    """Wait until each service answers; after NOTICE_SECONDS, print which service has not answered yet.

    Raises:
        UnreachableError: a service did not answer within *seconds*, by default REACH_SECONDS.
    """
    seconds = REACH_SECONDS if seconds is None else seconds
    for service in services:
        with announced_when_slow(f"waiting for {service.place} ..."):
            why = _answers(service, seconds)
        if why is not None:
            raise UnreachableError(f"{service.place} does not answer ({why}, {seconds:g} s); {_remedy(service)}")


@cache
def reach_storage(place: str) -> None:
    """Wait until Cloud Storage answers at *place*, ``Service.STORAGE.place``; ask only once in a process.

    Raises:
        UnreachableError: it did not answer.
    """
    reach(Service.STORAGE)


@contextmanager
def announced_when_slow(sentence: str) -> Iterator[None]:
    """Print *sentence* if the block takes longer than NOTICE_SECONDS."""
    timer = threading.Timer(NOTICE_SECONDS, say, (sentence,))
    timer.daemon = True
    timer.start()
    try:
        yield
    finally:
        timer.cancel()


def _remedy(service: Service) -> str:
    _, variable, _ = service.value
    has_ours = service is not Service.STORAGE  # `headrace up` has no storage
    if os.environ.get(variable):
        return f"start the emulator{' (`headrace up`)' if has_ours else ''}, or correct or unset {variable}"
    such_as = ", such as one of `headrace up`" if has_ours else ""
    return f"check the network and its proxy; or set {variable} to use an emulator{such_as}"


def _answers(service: Service, seconds: float) -> str | None:
    """Return why a service does not answer, or None if it gives any answer, even an error."""
    by_http = service in (Service.BIGQUERY, Service.STORAGE)
    ask: Callable[[Service, float], str | None] = _http if by_http else _grpc
    return ask(service, seconds)


def _grpc(service: Service, seconds: float) -> str | None:
    import grpc

    _, variable, host = service.value
    emulator = emulator_host(variable)
    channel = (
        grpc.insecure_channel(emulator)
        if emulator
        else grpc.secure_channel(f"{host}:443", grpc.ssl_channel_credentials())
    )
    with channel:
        try:
            grpc.channel_ready_future(channel).result(timeout=seconds)
        except grpc.FutureTimeoutError:
            return "no connection"
    return None


def _http(service: Service, seconds: float) -> str | None:
    import requests

    _, variable, host = service.value
    emulator = emulator_host(variable)
    try:
        requests.get(f"http://{emulator}/" if emulator else f"https://{host}/", timeout=(seconds, seconds))
    except requests.ConnectionError:
        return "no connection"
    except requests.Timeout:
        return "no answer"
    return None
