"""Make the flags for Dataflow from the settings, without Beam."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Final

from headrace.config.dataflow import DataflowSettings
from headrace.config.settings import Settings, SettingsError, refuse_emulators

SECRETS: Final = ("masking_key_secret", "sealing_key_secret")
EXAMPLES: Final = {
    "region": "europe-west1",
    "temp_location": "gs://<bucket>/temp",
    "service_account": "<name>@<project>.iam.gserviceaccount.com",
    "image": "<registry>/headrace@sha256:<digest>",
    "masking_key_secret": "projects/<project>/secrets/<name>/versions/<number>",
    "sealing_key_secret": "projects/<project>/secrets/<name>/versions/<number>",
    "template_file": "gs://<bucket>/templates/headrace.json",
    "backfill_template_file": "gs://<bucket>/templates/backfill.json",
}
_NEEDED: Final = [name for name in EXAMPLES if not name.endswith("template_file")]
_JOB_NAME: Final = re.compile(r"[a-z]([-a-z0-9]{0,61}[a-z0-9])?")
_JOB_NAME_LENGTH: Final = 63
BATCH: Final = (
    "--autoscaling_algorithm=THROUGHPUT_BASED",
    "--sdk_location=container",  # Beam is in the image: workers fetch nothing
)
STREAMING: Final = ("--streaming", "--enable_streaming_engine", *BATCH)


def check_deployable(settings: Settings) -> None:
    """Refuse settings that would fail on Dataflow only after resources were created.

    Raises:
        SettingsError: a setting that Dataflow needs is missing, the job's name is invalid there, or a variable names
            an emulator.
    """
    refuse_emulators("dataflow")
    if not _JOB_NAME.fullmatch(settings.pipeline):
        raise SettingsError(
            "headrace.toml: pipeline: invalid name for a job on Dataflow; "
            'use lower-case letters, digits and hyphens, such as "headrace-eu"'
        )
    if settings.append_seconds != Settings.model_fields["append_seconds"].default:
        raise SettingsError(
            "append_seconds: has no effect on Dataflow, where an append has 30 s; "
            "remove it, or move it to the profile of the embedded engine"
        )
    names = [name for name in _NEEDED if getattr(settings.dataflow, name) is None]
    if names:
        raise missing(settings, names)


def missing(settings: Settings, names: Sequence[str]) -> SettingsError:
    """Return the error about missing settings of ``[dataflow]``."""
    table = f"profile.{settings.profile}.dataflow" if settings.profile else "dataflow"
    examples = ", ".join(f'{name} = "{EXAMPLES[name]}"' for name in names)
    return SettingsError(f"headrace.toml: {table}.{names[0]}: missing: add under [{table}]: {examples}")


def secret_names(settings: Settings) -> tuple[str, str]:
    """Return the versions in Secret Manager with the masking and the sealing key.

    Raises:
        SettingsError: one is not set.
    """
    masking, sealing = settings.dataflow.masking_key_secret, settings.dataflow.sealing_key_secret
    if masking is None or sealing is None:
        raise missing(settings, [name for name in SECRETS if getattr(settings.dataflow, name) is None])
    return masking, sealing


def staging_location(dataflow: DataflowSettings) -> str:
    """Return the folder for staged files; by default it is within the folder for temporary ones."""
    return dataflow.staging_location or f"{(dataflow.temp_location or '').rstrip('/')}/staging"


def dataflow_flags(
    settings: Settings, update: bool = False, mapping: Mapping[str, str] | None = None, validate_only: bool = False
) -> list[str]:
    """Return Beam's flags for a job on Dataflow; *mapping* has the new labels by the labels of the running job.

    With *validate_only*, Dataflow only checks whether the running job can be updated.

    Raises:
        SettingsError: as `check_deployable`.
    """
    check_deployable(settings)
    lines = [*_place(settings, settings.pipeline), *STREAMING]
    if update:
        lines.append("--update")
    if validate_only:
        lines.append("--dataflow_service_options=graph_validate_only")
    if mapping:
        lines.append(f"--transform_name_mapping={json.dumps(dict(mapping), sort_keys=True)}")
    return lines


def backfill_flags(settings: Settings, subject: str) -> list[str]:
    """Return Beam's flags for a backfill of *subject* on Dataflow.

    Raises:
        SettingsError: as `check_deployable`.
    """
    check_deployable(settings)
    name = f"{settings.pipeline}-backfill-{subject.replace('_', '-')}"
    lines = [*_place(settings, name[:_JOB_NAME_LENGTH].rstrip("-")), *BATCH]
    if settings.dataflow.flexrs:
        lines.append(f"--flexrs_goal={settings.dataflow.flexrs}")
    return lines


def _place(settings: Settings, job_name: str) -> list[str]:
    """Return the flags for the project, region and machines of a job."""
    dataflow = settings.dataflow
    flags = {
        "runner": "DataflowRunner",
        "project": settings.project,
        "region": dataflow.region,
        "job_name": job_name,
        "temp_location": dataflow.temp_location,
        "staging_location": staging_location(dataflow),
        "num_workers": dataflow.workers,
        "max_num_workers": dataflow.max_workers,
        "machine_type": dataflow.machine_type,
        "subnetwork": dataflow.subnetwork,
        "service_account_email": dataflow.service_account,
        "dataflow_kms_key": dataflow.kms_key,
        "sdk_container_image": dataflow.image,
    }
    lines = [f"--{name}={value}" for name, value in flags.items() if value is not None]
    return [*lines, "--no_use_public_ips" if dataflow.private_addresses else "--use_public_ips"]


def drain_script(settings: Settings) -> str:
    """Return the shell lines that drain the running job; do not run them.

    Raises:
        SettingsError: no region is set.
    """
    if settings.dataflow.region is None:
        raise missing(settings, ["region"])
    place = f"--project={settings.project} --region={settings.dataflow.region}"
    running = f"--status=active --filter=name={settings.pipeline} --format='value(id)'"
    return f"""\
job=$(gcloud dataflow jobs list {place} \\
  {running})
gcloud dataflow jobs drain "$job" {place}
"""
