"""How many letters of each subject stand where, for whoever may look into the archive."""

from __future__ import annotations

from collections import Counter

from google.api_core.exceptions import Forbidden, NotFound
from google.cloud import bigquery

from stream.letters.archive import ArchiveNames
from stream.letters.facts import State
from stream.letters.filters import Filter
from stream.letters.reading import Reader
from stream.letters.tables import FACTS, LETTERS

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
