"""The schema registry: whether it answers, and whether pinned ids still name the schemas of their pins."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Final

from headrace.config.registry_access import access_of
from headrace.config.settings import Settings, SettingsError
from headrace.doctor.check_services import ANSWER_SECONDS
from headrace.doctor.findings import Finding, Level, ok, refused, stated
from headrace.schema_registry.bounded_http import BoundedHttp, TimeLimits
from headrace.schema_registry.pin_anew import PinChange, renew
from headrace.schema_registry.pin_file import PinFile, SubjectPins
from headrace.schema_registry.registry_access import RegistryAccess
from headrace.schema_registry.registry_client import RegistryClient
from headrace.schema_registry.registry_errors import PinFileError, RegistryError
from headrace.schema_registry.registry_watch import broken_sentence

_PLACE: Final = "schema registry"
_LIMITS: Final = TimeLimits(connect=ANSWER_SECONDS, read=ANSWER_SECONDS, whole=ANSWER_SECONDS)


def look_at_registry(settings: Settings) -> Iterator[Finding]:
    """Ask the registry of the settings, and compare its answers with the pins on this machine."""
    try:
        access = access_of(settings.schema_registry)
    except SettingsError as error:
        yield refused(Level.PROBLEM, _PLACE, error)
        return
    if access is None:
        yield ok(_PLACE, "none is named")
        return
    yield from _judge_credentials(access)
    client = RegistryClient(access, BoundedHttp(access, _LIMITS))
    try:
        client.reach()
        yield ok(access.url, "answers")
        for subject, pins in sorted(PinFile(settings.journal, access.url).read().items()):
            yield from _judge_pins(client, subject, pins)
    except (RegistryError, PinFileError) as error:
        yield stated(Level.PROBLEM, access.url, str(error))


def _judge_credentials(access: RegistryAccess) -> Iterator[Finding]:
    if access.url.startswith("http://") and access.authorization() is not None:
        yield Finding(
            Level.WARNING, access.url, "credentials are sent without encryption", "use https in schema_registry.url"
        )


def _judge_pins(client: RegistryClient, subject: str, pins: SubjectPins) -> Iterator[Finding]:
    """Yield a problem for a subject that an engine holds, or would hold at its next look."""
    renewed = renew(client, pins, {}).pins
    others = [each.key for each in renewed if each.change in (PinChange.CHANGED, PinChange.FOREIGN)]
    gone = [each.key for each in renewed if each.change is PinChange.GONE]
    if others:
        yield stated(Level.PROBLEM, subject, broken_sentence(subject, client.url, pins.ids, others))
    elif pins.broken is not None:
        yield stated(Level.PROBLEM, subject, pins.broken)
    elif gone:
        what = f"the registry lacks {len(gone):,} of {len(pins.ids):,} pinned schema ids"
        yield Finding(Level.WARNING, subject, what, "look whether it has lost its data; its pins count meanwhile")
    else:
        yield ok(subject, f"{len(pins.ids):,} schema ids pinned, all as the registry has them")
