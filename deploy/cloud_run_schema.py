"""What Cloud Run's API takes as a worker pool, as a JSON schema, read from Google's description of the API.

``pip download google-api-python-client`` brings that description; unpack it, then ``python -m deploy.cloud_run_schema
<folder>/googleapiclient/discovery_cache/documents/run.v1.json > tests/support/worker_pool.json``.
"""

from __future__ import annotations

import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

_ROOT: Final = "WorkerPool"
_NOT: Final = ("Not supported by Cloud Run", "Not supported in Cloud Run", "Output only", "Not used by Cloud Run")


def worker_pool_schema(described: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema: fields that Cloud Run ignores or sets itself are left out, and unknown fields are refused."""
    types: Mapping[str, Any] = described["schemas"]
    definitions: dict[str, Any] = {}
    waiting = [_ROOT]
    while waiting:
        name = waiting.pop()
        if name in definitions:
            continue
        taken = {field: _schema(said, waiting) for field, said in types[name]["properties"].items() if _is_taken(said)}
        definitions[name] = {"type": "object", "additionalProperties": False, "properties": taken}
    return {
        "$comment": f"Cloud Run Admin API {described['version']}, revision {described['revision']}",
        "$ref": f"#/$defs/{_ROOT}",
        "$defs": dict(sorted(definitions.items())),
    }


def _is_taken(said: Mapping[str, Any]) -> bool:
    return not any(each in said.get("description", "") for each in _NOT) and not said.get("deprecated")


def _schema(said: Mapping[str, Any], waiting: list[str]) -> dict[str, Any]:
    if "$ref" in said:
        waiting.append(said["$ref"])
        return {"$ref": f"#/$defs/{said['$ref']}"}
    if said["type"] == "array":
        return {"type": "array", "items": _schema(said["items"], waiting)}
    if said["type"] == "object":
        return {"type": "object", "additionalProperties": _schema(said["additionalProperties"], waiting)}
    return {"type": said["type"], **({"enum": said["enum"]} if "enum" in said else {})}


if __name__ == "__main__":
    schema = worker_pool_schema(json.loads(Path(sys.argv[1]).read_text()))
    print(json.dumps(schema, indent=1))  # noqa: T201
