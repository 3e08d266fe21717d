"""``headrace provision``: show the plan, then apply it."""

from __future__ import annotations

from google.api_core.exceptions import GoogleAPIError

from stream.clients import open_bigquery, open_gapic_publisher, open_subscriber
from stream.columns import counted
from stream.output import say
from stream.provision import Clients, plan
from stream.reach import Service, reach
from stream.settings import Settings, SettingsError


def provision(settings: Settings, dry_run: bool) -> None:
    """Create what is missing and update what may be updated; say what was done.

    Raises:
        SettingsError: no contracts are named: those that come with the package are of a demo, not of this project.
    """
    if settings.contracts is None:
        raise SettingsError(
            "contracts: missing; name the folder of your .avsc files with --contracts, as HEADRACE_CONTRACTS, or in "
            "headrace.toml (`headrace demo` brings its own)"
        )
    reach(Service.PUBSUB, Service.BIGQUERY)
    clients = Clients(open_gapic_publisher(), open_subscriber(), open_bigquery(settings.project))
    changes = plan(settings.registry(), settings.names, settings.location, clients, settings.masking_key_version)
    for change in changes:
        say(f"{change.action} {change.what} {change.name}{f': {change.why}' if change.why else ''}")
    if not changes:
        say("nothing to change: everything is as the contracts say")
    elif dry_run:
        say(f"{counted(len(changes), 'change')}; run without --dry-run to make them")
    else:
        for change in changes:
            try:
                change.apply()
            except GoogleAPIError:
                say(f"failed: {change.action} {change.what} {change.name}")
                raise
        say(f"{counted(len(changes), 'change')} made")
