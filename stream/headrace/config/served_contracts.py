"""Load the contracts of a command, without those of blocked subjects."""

from __future__ import annotations

from headrace.config.settings import Settings
from headrace.schemas.registry import Registry
from headrace.util.output import say


def served(settings: Settings) -> Registry:
    """Load the contracts, and print the blocked subjects. Raises ContractError when no subject is left."""
    registry = settings.serviceable_registry()
    for name, error in registry.blocked.items():
        say(f"{name} is blocked: {error}")
    return registry
