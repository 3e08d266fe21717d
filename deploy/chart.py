"""The files that are made from the Helm chart and the settings; ``python -m deploy.chart`` writes them anew.

`deploy/kubernetes/headrace.yaml` is the chart's output for `deploy/kubernetes/values.yaml`, for those without Helm.
`values.schema.json` has the checks of values; those of `settings` are the checks of Headrace's own settings.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import helm_python
import yaml

from headrace.config.settings import Settings

ROOT: Final = Path(__file__).parents[1]
CHART: Final = ROOT / "deploy" / "helm" / "headrace"
VALUES: Final = ROOT / "deploy" / "kubernetes" / "values.yaml"
MANIFEST: Final = ROOT / "deploy" / "kubernetes" / "headrace.yaml"
SCHEMA: Final = CHART / "values.schema.json"
# The chart sets these, or the image; the last ones are for Dataflow, or for a headrace.toml, which the pod has not.
NOT_OF_THE_CHART: Final = frozenset(
    {"journal", "health", "contracts", "masking_key_file", "archive_key_file", "dataflow", "shards", "profile"}
)
_HEAD: Final = """\
# Made from deploy/helm/headrace with deploy/kubernetes/values.yaml by `python -m deploy.chart`.
# Without Helm: replace the project, the image and the account, then `kubectl -n headrace apply -f` this file.
"""


def render(values: Mapping[str, Any], namespace: str = "headrace") -> dict[str, str]:
    """Return the chart's files for *values*, by the name of their template. Raises HelmError."""
    with helm_python.Chart.load(CHART) as chart:
        chart.validate_schema(dict(values))
        return chart.render(dict(values), name="headrace", namespace=namespace)


def objects(values: Mapping[str, Any]) -> list[Any]:
    """Return the objects of Kubernetes that the chart makes."""
    files = sorted((name, text) for name, text in render(values).items() if name.endswith(".yaml"))
    return [each for _, text in files for each in yaml.safe_load_all(text) if each]


def manifest() -> str:
    """Return the plain manifest."""
    files = sorted((name, text.strip()) for name, text in render(yaml.safe_load(VALUES.read_text())).items())
    parts = [text for name, text in files if name.endswith(".yaml") and yaml.safe_load(text)]
    return _HEAD + "".join(f"---\n{text}\n" for text in parts)


def values_schema() -> str:
    """Return the schema of the chart's values."""
    schema = json.loads(SCHEMA.read_text())
    described = Settings.model_json_schema()
    schema["properties"]["settings"]["properties"] = {
        name: _of_setting(said, described)
        for name, said in described["properties"].items()
        if name not in NOT_OF_THE_CHART
    }
    return json.dumps(schema, indent=2) + "\n"


def _of_setting(said: Mapping[str, Any], described: Mapping[str, Any]) -> dict[str, Any]:
    """Return the check of one setting: an environment variable, so whole numbers, and times as text."""
    kinds = {"string": "string", "integer": "integer", "number": "integer", "boolean": "boolean"}
    kinds |= {"object": "string", "array": "string"}  # as JSON
    checks = {key: said[key] for key in ("pattern", "minimum", "maximum", "exclusiveMinimum", "enum") if key in said}
    if said.get("format") == "duration":
        checks = {"pattern": "^[0-9]+(ms|s|m|h|d)$"}
    return {"type": kinds[said.get("type", "string")], "description": said["description"], **checks}


def files() -> dict[Path, str]:
    """Return what is made, and what it should hold."""
    return {SCHEMA: values_schema(), MANIFEST: manifest()}


if __name__ == "__main__":
    SCHEMA.write_text(values_schema())  # first, because rendering checks values with it
    MANIFEST.write_text(manifest())
