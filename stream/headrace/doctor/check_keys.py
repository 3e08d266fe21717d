"""The key files: whether they can be read, and who else can read them."""

from __future__ import annotations

import stat
from collections.abc import Callable, Iterator
from pathlib import Path

from headrace.config.key_files import read_archive_key, read_masking_key
from headrace.config.settings import Settings, SettingsError
from headrace.doctor.findings import Finding, Level, ok, refused, unknown
from headrace.schemas.errors import ContractError


def look_at_masking_key(settings: Settings) -> Iterator[Finding]:
    """Yield findings about the masking key, in its file or in Secret Manager."""
    secret = settings.dataflow.masking_key_secret
    if secret is not None:
        why = "the workers of Dataflow read it, and this machine need not"
        yield unknown("dataflow.masking_key_secret", f"{why} ({secret})")
    if settings.masking_key_file is None and secret is None and not _needs_key(settings):
        yield ok("masking_key_file", "not set, and not needed: no contract makes tokens")
    elif settings.masking_key_file is not None or secret is None:
        yield _look_at_file("masking_key_file", settings.masking_key_file, read_masking_key)


def look_at_archive_key(settings: Settings) -> Iterator[Finding]:
    """Yield a finding about the archive's key, which need not be on each machine."""
    if settings.archive_key_file is None:
        what = "not set: this machine neither collects dead letters nor reads their payloads"
        remedy = "set it where `headrace dead-letters` runs (docs/dead-letters/README.md)"
        yield Finding(Level.WARNING, "archive_key_file", what, remedy)
    else:
        yield _look_at_file("archive_key_file", settings.archive_key_file, read_archive_key)


def _needs_key(settings: Settings) -> bool:
    """Return whether a contract makes tokens; without valid contracts, assume that one does."""
    try:
        registry = settings.serviceable_registry()
    except (ContractError, SettingsError):
        return True
    return any(registry.latest(subject).makes_tokens for subject in registry.subjects)


def _look_at_file(setting: str, path: Path | None, read: Callable[[Path | None], bytes]) -> Finding:
    try:
        read(path)
    except SettingsError as error:
        return refused(Level.PROBLEM, setting, error)
    return ok(setting, f"a file with mode {stat.S_IMODE(path.stat().st_mode):04o}" if path else "read")
