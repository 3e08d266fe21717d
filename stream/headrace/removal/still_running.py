"""Checks that nothing runs any more on what is to be removed."""

from __future__ import annotations

from pathlib import Path

from google.api_core.exceptions import NotFound
from google.cloud import bigquery

from headrace.bigquery.write_streams import WriteStreams
from headrace.config.settings import Settings
from headrace.core.resource_names import ENGINES
from headrace.dev.local_folder import is_folder_in_use
from headrace.engine.journal_lease import is_journal_in_use
from headrace.engine.subscription_claims import SubscriptionClaims
from headrace.errors import Exit, HeadraceError
from headrace.runtime.google_clients import open_write
from headrace.schemas.registry import Registry


class StillRunningError(HeadraceError, RuntimeError, error_code="HR-318", exit_code=Exit.CONFIGURATION):
    """An engine or `headrace up` still uses what is to be removed. The text names it and the remedy."""


def check_local(journal: Path, local: Path) -> None:
    """Raise StillRunningError if a process of this machine uses the journal or the folder of `headrace up`."""
    if is_journal_in_use(journal):
        raise StillRunningError(f"{journal}: an engine runs on this journal; stop it (SIGTERM drains it)")
    if is_folder_in_use(local):
        raise StillRunningError(f"{local}: `headrace up` runs in this folder; stop it with Ctrl-C")


def check_claims(settings: Settings, registry: Registry, client: bigquery.Client) -> None:
    """Raise StillRunningError if an engine, wherever it runs, claims a subscription of the contracts.

    Raise the client's errors.
    """
    names = settings.names
    claims = SubscriptionClaims(
        "",  # no engine has this journal, so every claim is another's
        "",
        holder="",
        subscriptions=[*dict.fromkeys(name for each in registry.subjects for name in names.subscriptions(each))],
        path=names.table(ENGINES),
        sql=names.sql(ENGINES),
        client=client,
        streams=WriteStreams(open_write(settings.project), settings.append_seconds),
    )
    try:
        looked = claims.look()
    except NotFound:  # without this table no engine can start
        return
    for each in looked.others:
        if each.is_live(looked.now):
            raise StillRunningError(
                f"an engine ({each.holder}) reads these subscriptions, and has said so until "
                f"{each.until:%Y-%m-%d %H:%M:%S} UTC; stop it, or wait until then if it is dead"
            )
