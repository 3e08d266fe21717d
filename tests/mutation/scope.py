"""Which modules must not be wrong: the engine, what an append's answer means, ids, the audit, masks and the SDK."""

from __future__ import annotations

from typing import Final

SCOPE: Final = (
    "stream/headrace/engine/*.py",
    "stream/headrace/bigquery/append_result.py",
    "stream/headrace/bigquery/write_streams.py",
    "stream/headrace/steps/id_table.py",
    "stream/headrace/steps/deduplicate.py",
    "stream/headrace/core/row_hash.py",
    "stream/headrace/bigquery/existing_rows.py",
    "stream/headrace/steps/window.py",
    "stream/headrace/steps/circuit_breaker.py",
    "stream/headrace/core/tally.py",
    "stream/headrace/core/arrivals.py",
    "stream/headrace/core/number_ranges.py",
    "stream/headrace/steps/tally_lines.py",
    "stream/headrace/audit/*.py",
    "stream/headrace/steps/mask/mask_columns.py",
    "stream/headrace/steps/mask/partial_masks.py",
    "stream/headrace/steps/mask/tokens.py",
    "stream/headrace/steps/mask/networks.py",
    "producers/headrace/producers/*.py",
    "producers/headrace/producers/transport/*.py",
    "schemas/headrace/schemas/masked.py",
    "schemas/headrace/schemas/plain.py",
    "schemas/headrace/schemas/validate*.py",
    "schemas/headrace/schemas/encode*.py",
    "schemas/headrace/schemas/envelope.py",
    "schemas/headrace/schemas/identity.py",
)
