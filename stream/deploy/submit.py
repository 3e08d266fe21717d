"""Hand the job to Dataflow. The call itself needs an account: what it is given is tested, it is not."""

from __future__ import annotations

import apache_beam as beam

from stream.clock import now_micros
from stream.commands.run import job_for
from stream.deploy.graph import build
from stream.deploy.options import secret_names
from stream.keys import SecretVersion
from stream.settings import Settings


def pipeline_for(settings: Settings, flags: list[str]) -> beam.Pipeline:
    """The job as Dataflow runs it, not started: its keys are names of secrets, which workers read; asks nobody.

    Raises:
        SettingsError: a secret is not named.
    """
    masking, sealing = map(SecretVersion, secret_names(settings))
    job = job_for(settings, settings.registry(), masking, now_micros)
    return build(job, sealing, settings.names, settings.round_messages, flags)


def submit(settings: Settings, flags: list[str]) -> str | None:
    """Start the job, or replace the running one; waits for nothing.

    Gives the job's id, or None when *flags* name a ``template_location``: then its description lies there.
    """
    result = pipeline_for(settings, flags).run()
    return str(result.job_id()) if result.has_job else None
