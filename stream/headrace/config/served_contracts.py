"""Find and load the contracts of a command, without those of blocked subjects."""

from __future__ import annotations

import os
from pathlib import Path

from headrace.config.file_source import checked_document
from headrace.config.setting_origins import chosen_profile
from headrace.config.settings import Settings, SettingsError
from headrace.schemas.registry import Registry
from headrace.util.output import say


def served(settings: Settings) -> Registry:
    """Load the contracts, and print the blocked subjects. Raises ContractError when no subject is left."""
    registry = settings.serviceable_registry()
    for name, error in registry.blocked.items():
        say(f"{name} is blocked: {error}")
    return registry


def folder_named(flag: Path | None, profile: str | None = None) -> Path | None:
    """Return the folder of contracts for a command that needs no other setting: the *flag*, or the setting.

    *profile* is the flag that chooses a profile.

    Raises:
        SettingsError: the settings file is invalid.
    """
    document, chosen = checked_document(Settings.model_fields), chosen_profile(profile, os.environ)
    named = flag or os.environ.get("HEADRACE_CONTRACTS") or document.settings(chosen).get("contracts")
    if not isinstance(named, str | Path | None):
        raise SettingsError(f"{document.place(('contracts',))}: contracts: not text; write the name of a folder")
    return Path(named) if named else None
