"""Hand the job to Dataflow. The call itself needs an account: what it is given is tested, it is not."""

from __future__ import annotations

import hashlib
from typing import Final

from schemas.registry import Registry
from stream.clock import now_micros
from stream.commands.run import job_for
from stream.deploy.graph import build
from stream.job import Job
from stream.settings import Settings, SettingsError

_SEALING: Final = b"headrace sealing key\n"


def sealing_key_from(secret: bytes) -> bytes:
    """256 bits from what the secret holds; the same for every update of a job."""
    return hashlib.sha256(_SEALING + secret).digest()


def read_secret(name: str | None, setting: str) -> bytes:
    """Read a version of a secret, at least 32 bytes; raises SettingsError, or what Secret Manager answers."""
    from google.cloud import secretmanager

    if name is None:
        raise SettingsError(f"headrace.toml: dataflow.{setting}: missing: name a version in Secret Manager")
    data: bytes = secretmanager.SecretManagerServiceClient().access_secret_version(name=name).payload.data
    if len(data) < 32:
        raise SettingsError(f"headrace.toml: dataflow.{setting}: shorter than 32 bytes; store 32 random bytes")
    return data


def job_with(settings: Settings, registry: Registry, masking: bytes, sealing: bytes) -> Job:
    """The job as Dataflow runs it: with the sealing key of the job before it."""
    from dataclasses import replace

    return replace(job_for(settings, registry, masking, now_micros), sealing_key=sealing_key_from(sealing))


def submit(settings: Settings, flags: list[str]) -> str:
    """Start the job, or replace the running one; returns its id and waits for nothing.

    Raises:
        SettingsError: a secret is not named or too short.
    """
    told = settings.dataflow
    masking = read_secret(told.masking_key_secret, "masking_key_secret")
    sealing = read_secret(told.sealing_key_secret, "sealing_key_secret")
    job = job_with(settings, settings.registry(), masking, sealing)
    result = build(job, settings.names, settings.round_messages, flags).run()
    return str(result.job_id())
