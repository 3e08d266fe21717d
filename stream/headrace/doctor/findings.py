"""Findings: what a check found, how bad it is, and the remedy."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum
from typing import Final

from headrace.runtime.exit_codes import explain

SIGN_IN: Final = (
    "run `gcloud auth application-default login`, name the key of a service account in "
    "GOOGLE_APPLICATION_CREDENTIALS, or run as an account that has credentials"
)


class Level(StrEnum):
    """How bad a finding is. Only a problem changes the exit code."""

    OK = "ok"
    UNKNOWN = "unknown"
    WARNING = "warning"
    PROBLEM = "problem"


class Area(StrEnum):
    """The part of the set-up to which a finding belongs, in the order of the report."""

    SETTINGS = "settings"
    EMULATORS = "emulators"
    VERSIONS = "versions"
    CONTRACTS = "contracts"
    REGISTRY = "registry"
    KEYS = "keys"
    DISK = "disk"
    SERVICES = "services"
    CREDENTIALS = "credentials"
    CLOCK = "clock"
    RESOURCES = "resources"
    PERMISSIONS = "permissions"


@dataclass(frozen=True, slots=True)
class Finding:
    """A fact about one subject, without any secret; a finding that needs an action has its remedy."""

    level: Level
    subject: str
    what: str
    remedy: str = ""


def ok(subject: str, what: str) -> Finding:
    """Return a finding that needs no action."""
    return Finding(Level.OK, subject, what)


def unknown(subject: str, why: str, remedy: str = "") -> Finding:
    """Return the finding of a check that could not be made; *why* completes "not checked, because"."""
    return Finding(Level.UNKNOWN, subject, f"not checked, because {why}", remedy)


def failed(subject: str, error: BaseException) -> Finding:
    """Return the finding of a check that ended with *error*."""
    _, sentence = explain(error)
    why, _, remedy = sentence.partition("; ")
    return unknown(subject, why, remedy)


def refused(level: Level, subject: str, error: Exception) -> Finding:
    """Return a finding with the text of an error of Headrace: ``place: what is wrong; remedy``."""
    return stated(level, subject, str(error))


def stated(level: Level, subject: str, sentence: str) -> Finding:
    """Return a finding with *sentence*: ``place: what is wrong; remedy``, of which the place may be the subject."""
    what, _, remedy = sentence.removeprefix(f"{subject}: ").partition("; ")
    return Finding(level, subject, what, remedy)
