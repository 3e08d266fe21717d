"""The flags that Dataflow is started with, from the settings: plain text, no Beam."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Final

from stream.settings import Settings, SettingsError, refuse_emulators

_NEEDED: Final = {
    "region": 'region = "europe-west1"',
    "temp_location": 'temp_location = "gs://<bucket>/temp"',
    "service_account": 'service_account = "<name>@<project>.iam.gserviceaccount.com"',
    "image": 'image = "<registry>/headrace@sha256:<digest>"',
    "masking_key_secret": 'masking_key_secret = "projects/<project>/secrets/<name>/versions/<number>"',
    "sealing_key_secret": 'sealing_key_secret = "projects/<project>/secrets/<name>/versions/<number>"',
}
_SECRETS: Final = ("masking_key_secret", "sealing_key_secret")


def check_deployable(settings: Settings) -> None:
    """Refuse what would fail on Dataflow only after resources were made.

    Raises:
        SettingsError: a setting is missing that only Dataflow needs, or a variable names an emulator.
    """
    refuse_emulators("dataflow")
    missing = [name for name in _NEEDED if getattr(settings.dataflow, name) is None]
    if missing:
        raise _missing(settings, missing)


def secret_names(settings: Settings) -> tuple[str, str]:
    """The versions in Secret Manager that hold the masking and the sealing key.

    Raises:
        SettingsError: one is not named.
    """
    masking, sealing = settings.dataflow.masking_key_secret, settings.dataflow.sealing_key_secret
    if masking is None or sealing is None:
        raise _missing(settings, [name for name in _SECRETS if getattr(settings.dataflow, name) is None])
    return masking, sealing


def dataflow_flags(settings: Settings, update: bool = False, mapping: Mapping[str, str] | None = None) -> list[str]:
    """Beam's flags for a job on Dataflow; *mapping* is from labels of the running job to new ones.

    Raises:
        SettingsError: as `check_deployable`.
    """
    check_deployable(settings)
    told = settings.dataflow
    flags = {
        "runner": "DataflowRunner",
        "project": settings.project,
        "region": told.region,
        "job_name": settings.pipeline,
        "temp_location": told.temp_location,
        "staging_location": told.staging_location or f"{(told.temp_location or '').rstrip('/')}/staging",
        "num_workers": told.workers,
        "max_num_workers": told.max_workers,
        "autoscaling_algorithm": "THROUGHPUT_BASED",
        "machine_type": told.machine_type,
        "subnetwork": told.subnetwork,
        "service_account_email": told.service_account,
        "dataflow_kms_key": told.kms_key,
        "sdk_container_image": told.image,
        "sdk_location": "container",  # Beam is in the image: workers fetch nothing
    }
    switches = ["streaming", "enable_streaming_engine"]
    switches += ["no_use_public_ips"] if told.private_addresses else ["use_public_ips"]
    lines = [f"--{name}={value}" for name, value in flags.items() if value is not None]
    lines += [f"--{name}" for name in switches]
    if update:
        lines.append("--update")
    if mapping:
        lines.append(f"--transform_name_mapping={json.dumps(dict(mapping), sort_keys=True)}")
    return lines


def drain_commands(settings: Settings) -> list[str]:
    """The shell lines that drain the running job; nothing here runs them."""
    place = f"--project={settings.project} --region={settings.dataflow.region or '<region>'}"
    found = f"gcloud dataflow jobs list {place} --status=active --filter=name={settings.pipeline} --format='value(id)'"
    return [f'gcloud dataflow jobs drain "$({found})" {place}']


def _missing(settings: Settings, names: list[str]) -> SettingsError:
    table = f"[profile.{settings.profile}.dataflow]" if settings.profile else "[dataflow]"
    problems = [f"headrace.toml: dataflow.{name}: missing: add {_NEEDED[name]} under {table}" for name in names]
    return SettingsError("; ".join(problems))
