"""The Flex Templates, one that streams and one that backfills: their parameters, from the settings, and the gcloud
commands that build and start them. Both are of one image; what a launch is given says which job it is."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo

from headrace.config.dataflow import DataflowSettings
from headrace.config.settings import Settings
from headrace.deploy.dataflow_flags import SECRETS, check_deployable, missing, staging_location

_HERE: Final = Path(__file__).parent
METADATA: Final = _HERE / "metadata.json"  # as committed; `headrace template metadata` writes it
BACKFILL_METADATA: Final = _HERE / "backfill_metadata.json"  # likewise, with --backfill
PARAMETERS: Final = (
    "dataset",
    "pipeline",
    "window",
    "round_messages",
    "shards",
    "ids_remembered",
    "masking_key_version",
)
BACKFILL_PARAMETERS: Final = tuple(name for name in PARAMETERS if name != "ids_remembered")
IMAGE: Final = "sdk_container_image"  # a parameter that Beam itself reads
# What a backfill is about: names with what a person is told, and the pattern of a value.
GIVEN: Final = {
    "subject": ("Which contract the lines follow", "^[a-z][a-z0-9_]*$"),
    "files": ("gs:// addresses of CSV, NDJSON, Avro, Parquet, separated by commas; stars as in a shell", "^gs://.+$"),
    "mapping": ("gs:// address of a TOML file that says which column is which field", "^gs://.+$"),
}
OPTIONAL: Final = frozenset({"mapping"})


def metadata() -> str:
    """What Dataflow knows of the template that streams, as it is committed."""
    described = {
        "name": "Headrace",
        "description": "Avro events from Pub/Sub to BigQuery: checked, masked, each written once.",
        "streaming": True,
        "supportsExactlyOnce": True,
        "supportsAtLeastOnce": False,
        "parameters": _parameters(PARAMETERS),
    }
    return json.dumps(described, indent=2) + "\n"


def backfill_metadata() -> str:
    """What Dataflow knows of the template that backfills, as it is committed."""
    given = [
        {
            **{"name": name, "label": said, "helpText": said},
            **({"isOptional": True} if name in OPTIONAL else {}),
            **{"paramType": "TEXT", "regexes": [pattern]},
        }
        for name, (said, pattern) in GIVEN.items()
    ]
    described = {
        "name": "Headrace backfill",
        "description": "Files of history to BigQuery: checked, masked, deduplicated, as a whole or not at all.",
        "parameters": [*given, *_parameters(BACKFILL_PARAMETERS)],
    }
    return json.dumps(described, indent=2) + "\n"


def build_command(settings: Settings) -> list[str]:
    """What puts the file of the template that streams into its bucket.

    Raises:
        SettingsError: a setting is missing, or a variable names an emulator.
    """
    environment = [*_environment(settings.dataflow), *_streaming(settings.dataflow)]
    return _build(settings, "template_file", METADATA, environment)


def build_backfill_command(settings: Settings) -> list[str]:
    """What puts the file of the template that backfills into its bucket; raises likewise."""
    return _build(settings, "backfill_template_file", BACKFILL_METADATA, [*_environment(settings.dataflow)])


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
        f"--template-file-gcs-location={_file(settings, 'template_file')}",
        *_environment(settings.dataflow),
        *_streaming(settings.dataflow),
        *(f"--parameters={name}={_text(value)}" for name, value in values.items()),
    ]
    if update:
        command.append("--update")
    if mapping:
        command.append("--transform-name-mappings=" + ",".join(f"{old}={new}" for old, new in mapping.items()))
    return command


def _build(settings: Settings, file: str, described: Path, environment: Sequence[str]) -> list[str]:
    return [
        *("gcloud", "dataflow", "flex-template", "build", _file(settings, file)),
        f"--project={settings.project}",
        f"--image={settings.dataflow.image}",
        "--sdk-language=PYTHON",
        f"--metadata-file={_beside_us(described)}",
        *environment,
    ]


def _file(settings: Settings, name: str) -> str:
    check_deployable(settings)
    file: str | None = getattr(settings.dataflow, name)
    if file is None:
        raise missing(settings, [name])
    return file


def _parameters(names: Sequence[str]) -> list[dict[str, Any]]:
    return [
        *(_parameter(name, Settings.model_fields[name]) for name in names),
        *(_parameter(name, DataflowSettings.model_fields[name], required=True) for name in SECRETS),
        {**_parameter("image", DataflowSettings.model_fields["image"], required=True), "name": IMAGE},
    ]


def _environment(told: DataflowSettings) -> Iterator[str]:
    """The flags of gcloud that all commands have: a template's own are what a launch without headrace gets."""
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
    if told.private_addresses:
        yield "--disable-public-ips"


def _streaming(told: DataflowSettings) -> Iterator[str]:
    if told.streaming_engine:
        yield "--enable-streaming-engine"


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
