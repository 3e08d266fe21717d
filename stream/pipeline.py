"""The whole job on one page."""

from __future__ import annotations

import apache_beam as beam

from stream.dataflow import coders  # noqa: F401 they register themselves
from stream.dataflow.deadletters import PublishDeadLetters
from stream.dataflow.decode import Decode
from stream.dataflow.mask import MaskPersonalData
from stream.dataflow.outputs import Outputs
from stream.dataflow.tally import AppendTallies
from stream.dataflow.transform import TransformRows
from stream.dataflow.window import AssignWindows
from stream.dataflow.write import WriteOptions, WriteRows
from stream.job import Job
from stream.keys import Key
from stream.tables import derived_columns


def ingest(messages: beam.PCollection, job: Job, sealing: Key) -> None:
    """Wire every step, from lists of messages, each of one subject, to rows, dead letters and tallies.

    Keys are read where they are needed: the graph holds their names.
    """
    decoded = messages | "Decode" >> Decode(job.registry, job.window, job.clock, sealing)
    masked = decoded.batches | "Mask" >> MaskPersonalData(job.registry, job.masking_key)
    windowed = masked | "Window" >> AssignWindows(job.registry, job.window, sealing)
    # A job whose contracts transform nothing has no such step: an update of it finds the graph that it knows.
    transformed = _transform(windowed.batches, job, sealing) if job.transforms else None
    fit = windowed.batches if transformed is None else transformed.batches
    written = fit | "Write" >> WriteRows(_write_options(job, sealing))

    # Each in the stage that refused, so that no raw message crosses a shuffle on its way out.
    publish = PublishDeadLetters(job.dead_letter_topic, job.sender)
    decoded.dead_letters | "PublishUnreadable" >> publish
    windowed.dead_letters | "PublishOutOfBounds" >> publish
    written.dead_letters | "PublishUnwritable" >> publish
    if transformed is not None:
        transformed.dead_letters | "PublishUntransformable" >> publish

    counted = [each.tallies for each in (decoded, windowed, transformed, written) if each is not None]
    tallies = counted | "GatherTallies" >> beam.Flatten()
    tallies | "Tally" >> AppendTallies(job.project, job.tallies_table, job.clock)


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
