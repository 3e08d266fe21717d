"""Which modules must not be wrong: the engine, what an append's answer means, ids, the audit, masks and the SDK."""

from __future__ import annotations

from typing import Final

SCOPE: Final = (
    "stream/engine/*.py",
    "stream/headrace/bigquery/append_result.py",
    "stream/headrace/bigquery/write_streams.py",
    "stream/packed_ids.py",
    "stream/deduplicate.py",
    "stream/headrace/core/row_hash.py",
    "stream/headrace/bigquery/existing_rows.py",
    "stream/window.py",
    "stream/flood.py",
    "stream/headrace/core/tally.py",
    "stream/tally.py",
    "stream/audit*.py",
    "stream/mask.py",
    "stream/masks.py",
    "stream/tokens.py",
    "stream/networks.py",
    "producers/*.py",
    "schemas/headrace/schemas/masked.py",
    "schemas/headrace/schemas/plain.py",
    "schemas/validate*.py",
    "schemas/encode*.py",
    "schemas/headrace/schemas/envelope.py",
    "schemas/headrace/schemas/identity.py",
)
