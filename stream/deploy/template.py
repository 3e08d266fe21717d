"""The Flex Template: its parameters, from the settings, and the gcloud commands that build and start it."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo

from stream.dataflow_settings import DataflowSettings
from stream.deploy.options import SECRETS, check_deployable, missing, staging_location
from stream.settings import Settings

METADATA: Final = Path(__file__).parent / "metadata.json"  # as committed; `headrace template metadata` writes it
PARAMETERS: Final = ("dataset", "pipeline", "window", "round_messages", "shards", "ids_remembered")  # of the settings
IMAGE: Final = "sdk_container_image"  # a parameter that Beam itself reads


def metadata() -> str:
    """What Dataflow knows of the template, as it is committed."""
    parameters = [
        *(_parameter(name, Settings.model_fields[name]) for name in PARAMETERS),
        *(_parameter(name, DataflowSettings.model_fields[name], required=True) for name in SECRETS),
        {**_parameter("image", DataflowSettings.model_fields["image"], required=True), "name": IMAGE},
    ]
    described = {
        "name": "Headrace",
        "description": "Avro events from Pub/Sub to BigQuery: checked, masked, each written once.",
        "streaming": True,
        "supportsExactlyOnce": True,
        "supportsAtLeastOnce": False,
        "parameters": parameters,
    }
    return json.dumps(described, indent=2) + "\n"


def build_command(settings: Settings) -> list[str]:
    """What puts the template's file into its bucket.

    Raises:
        SettingsError: a setting is missing, or a variable names an emulator.
    """
    return [
        *("gcloud", "dataflow", "flex-template", "build", _file(settings)),
        f"--project={settings.project}",
        f"--image={settings.dataflow.image}",
        "--sdk-language=PYTHON",
        f"--metadata-file={_beside_us(METADATA)}",
        *_environment(settings.dataflow),
    ]


def run_command(settings: Settings, update: bool = False, mapping: Mapping[str, str] | None = None) -> list[str]:
    """What starts a job from the template, or replaces the running one; *mapping* is from its labels to new ones.

    Raises:
        SettingsError: as `build_command`.
    """
    values = {name: getattr(settings, name) for name in PARAMETERS}
    values |= {name: getattr(settings.dataflow, name) for name in SECRETS} | {IMAGE: settings.dataflow.image}
    command = [
        *("gcloud", "dataflow", "flex-template", "run", settings.pipeline),
        f"--project={settings.project}",
        f"--region={settings.dataflow.region}",
        f"--template-file-gcs-location={_file(settings)}",
        *_environment(settings.dataflow),
        *(f"--parameters={name}={_text(value)}" for name, value in values.items()),
    ]
    if update:
        command.append("--update")
    if mapping:
        command.append("--transform-name-mappings=" + ",".join(f"{old}={new}" for old, new in mapping.items()))
    return command


def _file(settings: Settings) -> str:
    check_deployable(settings)
    if settings.dataflow.template_file is None:
        raise missing(settings, ["template_file"])
    return settings.dataflow.template_file


def _environment(told: DataflowSettings) -> Iterator[str]:
    """The flags of gcloud that both commands have: a template's own are what a launch without headrace gets."""
    flags = {
        "num-workers": told.workers,
        "max-workers": told.max_workers,
        "worker-machine-type": told.machine_type,
        "subnetwork": told.subnetwork,
        "service-account-email": told.service_account,
        "temp-location": told.temp_location,
        "staging-location": staging_location(told),
        "dataflow-kms-key": told.kms_key,
    }
    yield from (f"--{name}={value}" for name, value in flags.items() if value is not None)
    yield "--enable-streaming-engine"
    if told.private_addresses:
        yield "--disable-public-ips"


def _parameter(name: str, field: FieldInfo, required: bool = False) -> dict[str, Any]:
    parameter: dict[str, Any] = {"name": name, "label": _sentence(field), "helpText": _sentence(field)}
    if not required:
        parameter["helpText"] += f"; default: {_text(field.default)}"
        parameter["isOptional"] = True
    parameter["paramType"] = "TEXT"
    parameter["regexes"] = [_pattern(field)]
    return parameter


def _sentence(field: FieldInfo) -> str:
    described = field.description or ""
    return described[:1].upper() + described[1:]


def _pattern(field: FieldInfo) -> str:
    if field.annotation is int:
        return "^[0-9]+$"
    if field.annotation is timedelta:
        return "^[0-9]+[smhd]$"
    return next((each.pattern for each in field.metadata if getattr(each, "pattern", None)), "^.+$")


def _text(value: object) -> str:
    return f"{value.total_seconds():.0f}s" if isinstance(value, timedelta) else str(value)


def _beside_us(path: Path) -> str:
    """Short where it can be: within the folder that the command is run in."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
