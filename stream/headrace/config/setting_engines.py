"""The engine that reads each setting; one file of settings may serve both."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ReadBy(StrEnum):
    """The engines that read a setting."""

    BOTH = "both"
    EMBEDDED = "embedded"
    DATAFLOW = "Dataflow"


# A job on Dataflow does not read these: provisioning, the collector of dead letters and the embedded engine do.
# Dataflow refuses an `append_seconds` other than the default, because an append has a fixed time there.
EMBEDDED_ALONE: Final = frozenset(
    {
        "location",
        "masking_key_file",
        "archive_dataset",
        "archive_key_file",
        "journal",
        "append_seconds",
        "lease_seconds",
        "health",
        "log_format",
        "schema_registry",
    }
)
DATAFLOW_ALONE: Final = frozenset({"shards", "dataflow"})


def read_by(setting: str) -> ReadBy:
    """Return the engine that reads *setting*."""
    if setting in EMBEDDED_ALONE:
        return ReadBy.EMBEDDED
    return ReadBy.DATAFLOW if setting in DATAFLOW_ALONE else ReadBy.BOTH
