"""Count the archive's letters by subject and state."""

from __future__ import annotations

from collections import Counter

from google.api_core.exceptions import Forbidden, NotFound
from google.cloud import bigquery

from headrace.dead_letters.archive_reader import ArchiveReader
from headrace.dead_letters.archive_tables import FACTS, LETTERS
from headrace.dead_letters.archive_writer import ArchiveNames
from headrace.dead_letters.facts import State
from headrace.dead_letters.filters import Filter

StateCounts = Counter[tuple[str, State]]


def count_states(client: bigquery.Client, names: ArchiveNames) -> StateCounts | None:
    """Return the number of letters by subject and state, or None if the archive is missing or may not be read.

    Raise the client's other errors.
    """
    try:
        for table in (LETTERS, FACTS):
            client.get_table(f"{names.project}.{names.dataset}.{table}")
        groups = ArchiveReader(client, names, None).group(Filter(), ["subject", "state"])
    except (NotFound, Forbidden):
        return None
    return Counter({(each.by["subject"], State(each.by["state"])): each.letters for each in groups})
