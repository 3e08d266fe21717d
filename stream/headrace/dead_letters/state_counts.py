"""How many letters of each subject stand where, for whoever may look into the archive."""

from __future__ import annotations

from collections import Counter

from google.api_core.exceptions import Forbidden, NotFound
from google.cloud import bigquery

from headrace.dead_letters.archive_reader import Reader
from headrace.dead_letters.archive_tables import FACTS, LETTERS
from headrace.dead_letters.archive_writer import ArchiveNames
from headrace.dead_letters.facts import State
from headrace.dead_letters.filters import Filter

Standing = Counter[tuple[str, State]]


def letters_by_subject(client: bigquery.Client, names: ArchiveNames) -> Standing | None:
    """Count letters by subject and state; None when there is no archive, or none that may be read.

    Raises what else the client raises.
    """
    try:
        for table in (LETTERS, FACTS):
            client.get_table(f"{names.project}.{names.dataset}.{table}")
        groups = Reader(client, names, None).group(Filter(), ["subject", "state"])
    except (NotFound, Forbidden):
        return None
    return Counter({(each.by["subject"], State(each.by["state"])): each.letters for each in groups})
