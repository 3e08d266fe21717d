"""The Flex Templates of the streaming job and of backfills: parameters from the settings, and gcloud commands.

The commands build and start the templates. Both have the same image; the parameters of a launch choose the job.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any, Final

from pydantic.fields import FieldInfo

from headrace.config.dataflow import DataflowSettings
from headrace.config.settings import Settings, SettingsError
from headrace.deploy.dataflow_flags import SECRETS, check_deployable, missing, staging_location

_HERE: Final = Path(__file__).parent
METADATA: Final = _HERE / "metadata.json"  # committed; `headrace template metadata` writes it
BACKFILL_METADATA: Final = _HERE / "backfill_metadata.json"  # the same, with --backfill
PARAMETERS: Final = (
    "dataset",
    "pipeline",
    "window",
    "round_messages",
    "shards",
    "ids_remembered",
    "masking_key_version",
)
WITHOUT_PARAMETER: Final = ("topics", "subscriptions", "large_events")  # settings of a job that are tables or lists
BACKFILL_PARAMETERS: Final = tuple(name for name in PARAMETERS if name != "ids_remembered")
IMAGE: Final = "sdk_container_image"  # a parameter that Beam itself reads
# The parameters of a backfill: names with their help, and the pattern of a value.
GIVEN: Final = {
    "subject": ("Which contract the lines follow", "^[a-z][a-z0-9_]*$"),
    "files": ("gs:// addresses of CSV, NDJSON, Avro, Parquet, separated by commas; stars as in a shell", "^gs://.+$"),
    "mapping": ("gs:// address of a TOML file that says which column is which field", "^gs://.+$"),
}
OPTIONAL: Final = frozenset({"mapping"})


def metadata() -> str:
    """Return the content of the metadata file of the streaming template."""
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
    """Return the content of the metadata file of the template for backfills."""
    given = [
        {
            **{"name": name, "label": help_text, "helpText": help_text},
            **({"isOptional": True} if name in OPTIONAL else {}),
            **{"paramType": "TEXT", "regexes": [pattern]},
        }
        for name, (help_text, pattern) in GIVEN.items()
    ]
    described = {
        "name": "Headrace backfill",
        "description": "Files of history to BigQuery: checked, masked, deduplicated, as a whole or not at all.",
        "parameters": [*given, *_parameters(BACKFILL_PARAMETERS)],
    }
    return json.dumps(described, indent=2) + "\n"


def build_command(settings: Settings) -> list[str]:
    """Return the command that puts the file of the streaming template into its bucket.

    Raises:
        SettingsError: a setting is missing, or a variable names an emulator.
    """
    environment = [*_environment(settings.dataflow), *_streaming(settings.dataflow)]
    return _build(settings, "template_file", METADATA, environment)


def build_backfill_command(settings: Settings) -> list[str]:
    """Return the command that puts the file of the template for backfills into its bucket.

    Raises:
        SettingsError: as `build_command`.
    """
    return _build(settings, "backfill_template_file", BACKFILL_METADATA, [*_environment(settings.dataflow)])


def run_command(settings: Settings, update: bool = False, mapping: Mapping[str, str] | None = None) -> list[str]:
    """Return the command that starts a job from the template, or replaces the running one.

    *mapping* has the new labels by the labels of the running job.

    Raises:
        SettingsError: as `build_command`; or one of :data:`WITHOUT_PARAMETER` is set.
    """
    for name in WITHOUT_PARAMETER:
        if getattr(settings, name):
            raise SettingsError(
                f"{name}: a Flex Template has no parameter for it, so its job would run without it; "
                "start it with `headrace run --runner DataflowRunner`"
            )
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
        f"--metadata-file={_relative(described)}",
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


def _environment(dataflow: DataflowSettings) -> Iterator[str]:
    """Yield the gcloud flags of all commands; those given to the build are the defaults of every launch."""
    flags = {
        "num-workers": dataflow.workers,
        "max-workers": dataflow.max_workers,
        "worker-machine-type": dataflow.machine_type,
        "subnetwork": dataflow.subnetwork,
        "service-account-email": dataflow.service_account,
        "temp-location": dataflow.temp_location,
        "staging-location": staging_location(dataflow),
        "dataflow-kms-key": dataflow.kms_key,
    }
    yield from (f"--{name}={value}" for name, value in flags.items() if value is not None)
    if dataflow.private_addresses:
        yield "--disable-public-ips"


def _streaming(dataflow: DataflowSettings) -> Iterator[str]:
    if dataflow.streaming_engine:
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


def _relative(path: Path) -> str:
    """Return a path relative to the current folder if possible."""
    return str(path.relative_to(Path.cwd())) if path.is_relative_to(Path.cwd()) else str(path)
