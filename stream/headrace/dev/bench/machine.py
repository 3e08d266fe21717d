"""Describe the machine of a measurement: processor, memory, load, versions."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator
from importlib import metadata
from pathlib import Path
from typing import Any, Final

import psutil

PACKAGES: Final = (
    "headrace",
    "apache-beam",
    "fastavro",
    "google-cloud-bigquery",
    "google-cloud-bigquery-storage",
    "google-cloud-pubsub",
    "grpcio",
    "protobuf",
    "pyarrow",
)


def describe_machine() -> dict[str, Any]:
    """Return the description of the machine; *load* is of the last minute before the measurement."""
    return {
        "processor": next(_processors(), platform.machine()),
        "cores": os.cpu_count(),
        "memory_gib": round(psutil.virtual_memory().total / 2**30, 1),
        "load": round(os.getloadavg()[0], 2),
        "system": f"{platform.system()} {platform.release()}",
        "python": platform.python_version(),
        "versions": {name: metadata.version(name) for name in PACKAGES},
    }


def _processors() -> Iterator[str]:
    cpuinfo = Path("/proc/cpuinfo")
    if cpuinfo.exists():
        for line in cpuinfo.read_text().splitlines():
            if line.startswith("model name"):
                yield line.partition(":")[2].strip()
