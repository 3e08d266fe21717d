"""The variables that send calls to emulators instead of Google Cloud."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Final

from headrace.config.settings import Settings, SettingsError, refuse_emulators
from headrace.doctor.findings import Finding, Level, ok, refused
from headrace.runtime.google_clients import BIGQUERY, BIGQUERY_STORAGE, PUBSUB, STORAGE, emulator_host

VARIABLES: Final = (PUBSUB, BIGQUERY, BIGQUERY_STORAGE, STORAGE)
_TOGETHER: Final = (PUBSUB, BIGQUERY, BIGQUERY_STORAGE)
_SET_ALL: Final = f"set {', '.join(_TOGETHER)} (`headrace up` prints them), or unset all of them"


def look_at_emulators(settings: Settings | None) -> Iterator[Finding]:
    """Yield findings about the variables of this process."""
    yield from judge_emulators({name: emulator_host(name) for name in VARIABLES})
    if settings is not None and settings.production:
        try:
            refuse_emulators("production")
        except SettingsError as error:
            yield refused(Level.PROBLEM, "production", error)


def judge_emulators(hosts: Mapping[str, str | None]) -> Iterator[Finding]:
    """Yield findings about the *hosts* that the variables name."""
    used = {name: host for name, host in hosts.items() if host}
    if not used:
        yield ok("variables", "none is set, so calls go to Google Cloud")
    for name, host in used.items():
        if not host.rpartition(":")[2].isdigit():
            yield Finding(Level.PROBLEM, name, "its value has no port", "write host:port, such as localhost:8085")
        else:
            yield ok(name, f"calls go to {host}")
    missing = [name for name in _TOGETHER if name not in used]
    if 0 < len(missing) < len(_TOGETHER):
        halves = (BIGQUERY in missing) != (BIGQUERY_STORAGE in missing)
        what = "not set, while other variables name emulators: its calls go to Google Cloud"
        level = Level.PROBLEM if halves else Level.WARNING
        yield from (Finding(level, name, what, _SET_ALL) for name in missing)
