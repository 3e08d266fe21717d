"""The pipelines of both jobs: the streaming job, and the job that loads files of history."""

from __future__ import annotations

from dataclasses import replace
from functools import partial
from typing import Any, NamedTuple

import apache_beam as beam

from headrace.backfill.file_rounds import Task
from headrace.backfill.preparer import line_decoder
from headrace.beam import coders  # noqa: F401 registers the coders
from headrace.beam.bucket_decoder import bucket_decoder
from headrace.beam.decode_dofn import Decode
from headrace.beam.deduplicate_and_append import WriteOptions, WriteRows
from headrace.beam.deduplicate_for_load import DeduplicateForLoad
from headrace.beam.load_tables import LoadTables
from headrace.beam.load_target import LoadOptions
from headrace.beam.mask_dofn import MaskPersonalData
from headrace.beam.outputs import Outputs
from headrace.beam.publish_dead_letters import PublishDeadLetters
from headrace.beam.read_files import ReadFiles
from headrace.beam.tally_dofn import AppendTallies
from headrace.beam.transform_dofn import TransformRows
from headrace.beam.window_dofn import AssignWindows
from headrace.config.secrets import Key
from headrace.job import Job
from headrace.schemas.content_rule import comparable_rules
from headrace.steps.decode.decode_messages import Decoder, MakeDecoder


def ingest(messages: beam.PCollection[Any], job: Job, sealing: Key) -> None:
    """Connect all steps, from lists of messages of one subject each to rows, dead letters and tallies.

    The graph has only the names of keys; workers read the keys.
    """
    decoder = partial(bucket_decoder, job.large_events) if job.large_events else Decoder
    prepared = _prepare(messages, job, sealing, decoder)
    written = prepared.batches | "Write" >> WriteRows(_write_options(job, sealing))
    written.dead_letters | "PublishUnwritable" >> PublishDeadLetters(job.dead_letter_topic, job.sender)

    tallies = [*prepared.tallies, written.tallies] | "GatherTallies" >> beam.Flatten()
    tallies | "Tally" >> AppendTallies(job.project, job.tallies_table, job.clock)


def load(begin: beam.Pipeline, job: Job, task: Task, options: LoadOptions) -> None:
    """Connect all steps, from files of one subject to rows, dead letters and tallies.

    Rows and tallies are written completely or not at all.
    """
    messages = begin | "Read" >> ReadFiles(replace(task, loaded=True))
    prepared = _prepare(messages, job, options.sealing, line_decoder)
    deduplicated = prepared.batches | "Deduplicate" >> DeduplicateForLoad(options)
    deduplicated.dead_letters | "PublishUnwritable" >> PublishDeadLetters(job.dead_letter_topic, job.sender)

    tallies = [*prepared.tallies, deduplicated.tallies] | "GatherTallies" >> beam.Flatten()
    (deduplicated.parts, tallies) | "Load" >> LoadTables(options, job.clock)


class _Prepared(NamedTuple):
    batches: beam.PCollection[Any]
    tallies: list[beam.PCollection[Any]]


def _prepare(messages: beam.PCollection[Any], job: Job, sealing: Key, decoder: MakeDecoder) -> _Prepared:
    """Apply the steps that both jobs run before Deduplicate."""
    decoded = messages | "Decode" >> Decode(job.registry, job.window, job.clock, sealing, decoder, job.routes)
    masked = decoded.batches | "Mask" >> MaskPersonalData(job.registry, job.masking_key, job.masking_key_version)
    windowed = masked | "Window" >> AssignWindows(job.registry, job.window, sealing)
    # A job whose contracts transform nothing has no such step, so that its graph stays the same in an update.
    transformed = _transform(windowed.batches, job, sealing) if job.transforms else None

    # Publish in the stage that refused the messages, so that no raw message crosses a shuffle.
    publish = PublishDeadLetters(job.dead_letter_topic, job.sender)
    decoded.dead_letters | "PublishUnreadable" >> publish
    windowed.dead_letters | "PublishOutOfBounds" >> publish
    if transformed is not None:
        transformed.dead_letters | "PublishUntransformable" >> publish
    steps = [each for each in (decoded, windowed, transformed) if each is not None]
    return _Prepared(steps[-1].batches, [each.tallies for each in steps])


def _transform(batches: beam.PCollection[Any], job: Job, sealing: Key) -> Outputs:
    step = TransformRows(job.registry, job.window, job.clock, sealing)
    outputs: Outputs = batches | "Transform" >> step
    return outputs


def _write_options(job: Job, sealing: Key) -> WriteOptions:
    return WriteOptions(
        project=job.project,
        tables=job.tables,
        contracts={subject: job.registry.latest(subject) for subject in job.registry.subjects},
        comparable={subject: comparable_rules(job.registry, subject) for subject in job.registry.subjects},
        shards=job.shards,
        ids_remembered=job.ids_remembered,
        window=job.window,
        clock=job.clock,
        sealing=sealing,
    )
