"""Which engine reads which setting: one file of settings may serve both."""

from __future__ import annotations

from enum import StrEnum
from typing import Final


class ReadBy(StrEnum):
    """The engines that a setting has an effect on."""

    BOTH = "both"
    EMBEDDED = "embedded"
    DATAFLOW = "Dataflow"


# A job on Dataflow leaves these alone: provisioning, the collector of dead letters and the embedded engine read them.
# `append_seconds` is refused there when it is not the default, since an append has a fixed time there.
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
    }
)
DATAFLOW_ALONE: Final = frozenset({"shards", "dataflow"})


def read_by(setting: str) -> ReadBy:
    """Say which engine reads a setting of this name."""
    if setting in EMBEDDED_ALONE:
        return ReadBy.EMBEDDED
    return ReadBy.DATAFLOW if setting in DATAFLOW_ALONE else ReadBy.BOTH
