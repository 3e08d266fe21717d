"""Both jobs on one page: the one that streams, and the one that loads files of history."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import apache_beam as beam

from headrace.backfill.file_rounds import Task
from headrace.backfill.preparer import LineDecoder
from headrace.beam import coders  # noqa: F401 they register themselves
from headrace.beam.decode_dofn import Decode
from headrace.beam.deduplicate_and_append import WriteOptions, WriteRows
from headrace.beam.deduplicate_for_load import KeepFresh
from headrace.beam.load_tables import LoadOnce
from headrace.beam.load_target import LoadOptions
from headrace.beam.mask_dofn import MaskPersonalData
from headrace.beam.outputs import Outputs
from headrace.beam.publish_dead_letters import PublishDeadLetters
from headrace.beam.read_files import ReadFiles
from headrace.beam.tally_dofn import AppendTallies
from headrace.beam.transform_dofn import TransformRows
from headrace.beam.window_dofn import AssignWindows
from headrace.bigquery.event_table import derived_columns
from headrace.config.secrets import Key
from headrace.job import Job
from headrace.steps.decode.decode_messages import Decoder


def ingest(messages: beam.PCollection, job: Job, sealing: Key) -> None:
    """Wire every step, from lists of messages, each of one subject, to rows, dead letters and tallies.

    Keys are read where they are needed: the graph holds their names.
    """
    refined = _refine(messages, job, sealing, Decoder)
    written = refined.batches | "Write" >> WriteRows(_write_options(job, sealing))
    written.dead_letters | "PublishUnwritable" >> PublishDeadLetters(job.dead_letter_topic, job.sender)

    tallies = [*refined.tallies, written.tallies] | "GatherTallies" >> beam.Flatten()
    tallies | "Tally" >> AppendTallies(job.project, job.tallies_table, job.clock)


def load(begin: beam.Pipeline, job: Job, task: Task, options: LoadOptions) -> None:
    """Wire every step from files of one subject to rows, dead letters and tallies, written as a whole or not at all."""
    messages = begin | "Read" >> ReadFiles(replace(task, loaded=True))
    refined = _refine(messages, job, options.sealing, LineDecoder)
    fresh = refined.batches | "Deduplicate" >> KeepFresh(options)
    fresh.dead_letters | "PublishUnwritable" >> PublishDeadLetters(job.dead_letter_topic, job.sender)

    tallies = [*refined.tallies, fresh.tallies] | "GatherTallies" >> beam.Flatten()
    (fresh.parts, tallies) | "Load" >> LoadOnce(options, job.clock)


class _Refined(NamedTuple):
    batches: beam.PCollection
    tallies: list[beam.PCollection]


def _refine(messages: beam.PCollection, job: Job, sealing: Key, decoder: type[Decoder]) -> _Refined:
    """What both jobs do before rows meet their table."""
    decoded = messages | "Decode" >> Decode(job.registry, job.window, job.clock, sealing, decoder)
    masked = decoded.batches | "Mask" >> MaskPersonalData(job.registry, job.masking_key, job.masking_key_version)
    windowed = masked | "Window" >> AssignWindows(job.registry, job.window, sealing)
    # A job whose contracts transform nothing has no such step: an update of it finds the graph that it knows.
    transformed = _transform(windowed.batches, job, sealing) if job.transforms else None

    # Each in the stage that refused, so that no raw message crosses a shuffle on its way out.
    publish = PublishDeadLetters(job.dead_letter_topic, job.sender)
    decoded.dead_letters | "PublishUnreadable" >> publish
    windowed.dead_letters | "PublishOutOfBounds" >> publish
    if transformed is not None:
        transformed.dead_letters | "PublishUntransformable" >> publish
    steps = [each for each in (decoded, windowed, transformed) if each is not None]
    return _Refined(steps[-1].batches, [each.tallies for each in steps])


def _transform(batches: beam.PCollection, job: Job, sealing: Key) -> Outputs:
    step = TransformRows(job.registry, job.window, job.clock, sealing)
    outputs: Outputs = batches | "Transform" >> step
    return outputs


def _write_options(job: Job, sealing: Key) -> WriteOptions:
    return WriteOptions(
        project=job.project,
        tables=job.tables,
        derived={subject: derived_columns(job.registry.latest(subject)) for subject in job.registry.subjects},
        shards=job.shards,
        ids_remembered=job.ids_remembered,
        window=job.window,
        clock=job.clock,
        sealing=sealing,
    )
