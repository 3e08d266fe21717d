"""The Pub/Sub of this machine: the local broker, or Google's emulator, which needs Java."""

from __future__ import annotations

import os
import shutil
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path
from typing import Final, assert_never

from headrace.errors import Exit, HeadraceError
from headrace.runtime.processes import python

VARIABLE: Final = "HEADRACE_PUBSUB_SERVICE"
JAVA: Final = "install Java 17 or newer (Debian: apt install default-jre-headless)"
_DATA: Final = "broker.db"
BROKER_FILES: Final = (_DATA, f"{_DATA}-wal", f"{_DATA}-shm")
_JAR: Final = "platform/pubsub-emulator/lib/cloud-pubsub-emulator-*-all.jar"
JAR_VARIABLE: Final = "HEADRACE_PUBSUB_EMULATOR_JAR"
_ROOTS: Final = (
    "/usr/lib/google-cloud-sdk",
    "~/google-cloud-sdk",
    "/opt/google-cloud-sdk",
    "/snap/google-cloud-sdk/current",
)


class EmulatorMissingError(HeadraceError, RuntimeError, error_code="HR-911", exit_code=Exit.CONFIGURATION):
    """A program that an emulator needs is not installed. The message names it and the remedy."""


class PubsubService(StrEnum):
    """A program that serves Pub/Sub's API on this machine."""

    BROKER = "broker"
    GOOGLE_EMULATOR = "google-emulator"

    @classmethod
    def chosen(cls, given: str = "") -> PubsubService:
        """Return the service that is *given*, or that the variable names; else the local broker.

        Raises EmulatorMissingError for an unknown name.
        """
        name = given or os.environ.get(VARIABLE, "") or cls.BROKER
        try:
            return cls(name)
        except ValueError:
            place = "--pubsub" if given else VARIABLE
            raise EmulatorMissingError(f"{place}: no such service; use {' or '.join(cls)}") from None

    def command(self, address: str, folder: Path) -> list[str]:
        """Return the command that serves at *address*; the broker keeps its data in *folder*.

        Raises EmulatorMissingError if a program is missing.
        """
        host, port = address.split(":")
        match self:
            case PubsubService.BROKER:
                return python("headrace.dev.broker.serve", "--port", port, "--data", str(folder / _DATA))
            case PubsubService.GOOGLE_EMULATOR:
                return [_java(), "-jar", str(_jar()), f"--host={host}", f"--port={port}"]
            case _:
                assert_never(self)


def is_google_emulator_installed() -> bool:
    """Return whether Google's emulator can be started."""
    try:
        PubsubService.GOOGLE_EMULATOR.command("127.0.0.1:0", Path())
    except EmulatorMissingError:
        return False
    return True


def _java() -> str:
    java = shutil.which("java")
    if java is None:
        raise EmulatorMissingError(f"Java is missing: {JAVA} and put it on PATH")
    return java


def _jar() -> Path:
    given = os.environ.get(JAR_VARIABLE)
    if given:
        if not Path(given).is_file():
            raise EmulatorMissingError(f"{JAR_VARIABLE}: no file {given}; name the jar, or unset it")
        return Path(given)
    gcloud = shutil.which("gcloud")
    roots: Sequence[str] = [*_ROOTS, *([str(Path(gcloud).resolve().parent.parent)] if gcloud else [])]
    for root in roots:
        found = sorted(Path(root).expanduser().glob(_JAR))
        if found:
            return found[-1]
    raise EmulatorMissingError(
        "the Pub/Sub emulator is missing: run `gcloud components install pubsub-emulator` "
        f"(Debian: apt install google-cloud-cli-pubsub-emulator), or name its jar in {JAR_VARIABLE}"
    )
