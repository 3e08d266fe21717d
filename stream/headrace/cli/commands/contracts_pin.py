"""``headrace contracts pin``: accept what the ids of a registry name now."""

from __future__ import annotations

from pathlib import Path
from typing import Any

from headrace.config.registry_access import access_to
from headrace.config.settings import Settings, load_settings
from headrace.schema_registry.id_rules import versions_by_hash
from headrace.schema_registry.pin_anew import PinChange, RenewedPin, renew
from headrace.schema_registry.pin_file import PinFile
from headrace.schema_registry.pins import Pins
from headrace.schema_registry.registry_client import RegistryClient
from headrace.util.output import check_format, say, show


def pin_anew(
    subject: str, contracts: Path | None, journal: Path | None, dry_run: bool, profile: str | None, format_: str
) -> None:
    """Pin each id of the subject to what the registry answers now, and print what changes.

    Raises:
        SettingsError: no registry or no folder of contracts is named.
        UnknownSchemaError: the subject has no contract.
        RegistryError: the registry cannot be asked now.
        PinFileError: the pins cannot be read or written.
    """
    check_format(format_)
    settings: Settings = load_settings(project="not-asked", contracts=contracts, journal=journal, profile=profile)
    served = settings.serviceable_registry()
    served.latest(subject)
    access = access_to(None, settings.schema_registry)
    pins = Pins(PinFile(settings.journal, access.url))
    pins.reload()
    found = renew(RegistryClient(access), pins.of(subject), versions_by_hash(served, subject))
    if not dry_run:
        pins.pin_anew(subject, found.ids)
    show("pins", [_row(each) for each in found.pins], format_, subject=subject, registry=access.url, dry_run=dry_run)
    changed = [each for each in found.pins if each.change is not PinChange.KEPT]
    if dry_run:
        say(f"{subject}: {len(changed):,} of {len(found.pins):,} pins would change; nothing was changed")
        return
    say(f"{subject}: {len(changed):,} of {len(found.pins):,} pins changed; a running engine goes on within seconds")
    if changed:
        say("messages that were published with the old meaning of these ids are read by the new one, or become letters")


def _row(each: RenewedPin) -> dict[str, Any]:
    return {
        "space": each.key.space.value,
        "id": each.key.id,
        "version_before": _version(each.before),
        "version_now": _version(each.after),
        "result": each.change.value,
    }


def _version(version: int | None) -> str:
    return "" if version is None else str(version)
