"""The services that the job calls: whether they answer."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from headrace.doctor.findings import Finding, Level, ok, stated
from headrace.runtime.google_clients import emulator_host
from headrace.runtime.reachability import Service, UnreachableError, reach

ANSWER_SECONDS: Final = 2.5


class ServicesCheck:
    """A check of each service that leaves those that are *answering*."""

    def __init__(self) -> None:
        self.answering: set[Service] = set()

    def look(self, service: Service) -> Iterator[Finding]:
        """Ask *service* for any answer."""
        try:
            reach(service, seconds=ANSWER_SECONDS)
        except UnreachableError as error:
            yield stated(Level.PROBLEM, service.place, str(error).replace(" does not", ": does not", 1))
            return
        self.answering.add(service)
        yield ok(service.place, "answers")


def is_emulated(service: Service) -> bool:
    """Return whether calls of *service* go to an emulator."""
    return emulator_host(service.value[1]) is not None
