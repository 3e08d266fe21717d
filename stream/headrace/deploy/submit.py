"""Submit jobs to Dataflow. The call needs an account, so tests check only its arguments."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import groupby
from uuid import uuid4

import apache_beam as beam
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions
from apache_beam.runners.dataflow.dataflow_runner import DataflowPipelineResult

from headrace.backfill.build_backfill import Reading
from headrace.backfill.parquet_load import check_loadable
from headrace.beam.load_target import LoadOptions
from headrace.config.secrets import SecretVersion
from headrace.config.served_contracts import served
from headrace.config.settings import Settings, SettingsError
from headrace.deploy.dataflow_flags import secret_names
from headrace.deploy.graph import build
from headrace.job import job_for, job_of
from headrace.pipeline import load
from headrace.runtime.clock import now_micros
from headrace.schemas.errors import ContractError
from headrace.schemas.message_rules.lint import lint_ids
from headrace.schemas.registry import Registry


def pipeline_for(settings: Settings, flags: list[str]) -> beam.Pipeline:
    """Build the job for Dataflow without starting it. Its keys are names of secrets, which workers read.

    Beam checks the bucket of ``temp_location`` if *flags* name one; nothing else is called.

    Raises:
        SettingsError: a secret is not set, or only a schema registry knows the ids of a subject.
    """
    masking, sealing = map(SecretVersion, secret_names(settings))
    registry = served(settings)
    _refuse_unlisted_ids(registry)
    job = job_for(settings, registry, masking, now_micros)
    return build(job, sealing, settings.names, settings.round_messages, flags)


def _refuse_unlisted_ids(registry: Registry) -> None:
    for subject, versions in groupby(registry, key=lambda contract: contract.subject):
        try:
            lint_ids([*versions], has_registry=False)
        except ContractError as error:
            stated = registry.latest(subject).notation.words('"schema_ids": [7]')
            raise SettingsError(
                f"schema_registry: a job on Dataflow does not ask a registry, and no version of {subject} lists the "
                f"ids of its schema; list them in the contract, such as {stated}"
            ) from error


def backfill_pipeline_for(
    settings: Settings, subject: str, places: Sequence[str], mapping: str | None, flags: list[str]
) -> beam.Pipeline:
    """Build the backfill for Dataflow without starting it; check that files and mapping exist.

    Raises:
        SettingsError: a secret is not set.
        MappingError, BackfillError, UnknownSchemaError: as for a backfill on the embedded engine.
    """
    masking, sealing = map(SecretVersion, secret_names(settings))
    job, task = job_of(settings, subject, masking), Reading.of(settings, subject, places, mapping).task
    check_loadable(task.contract)
    options = PipelineOptions(flags)
    name, temp = uuid4().hex[:20], options.view_as(GoogleCloudOptions).temp_location
    folder = f"{temp.rstrip('/')}/headrace-load-{name}"
    place = LoadOptions(
        name=name,
        folder=folder,
        contract=task.contract,
        names=settings.names,
        shards=settings.shards,
        window=settings.window,
        sealing=sealing,
    )
    pipeline = beam.Pipeline(options=options)
    load(pipeline, job, task, place)
    return pipeline


def submit(pipeline: beam.Pipeline) -> str | None:
    """Start a job, or replace the running one, and do not wait.

    Return the job's id on Dataflow. Return None if the options name a ``template_location``, which then has the job's
    description, or if the job ran in this process.
    """
    result = pipeline.run()
    return str(result.job_id()) if isinstance(result, DataflowPipelineResult) and result.has_job else None
