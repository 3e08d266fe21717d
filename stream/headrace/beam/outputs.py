"""The ways out that several steps have."""

from __future__ import annotations

from typing import Final, NamedTuple

import apache_beam as beam

from headrace.core.micro_batch import MicroBatch
from headrace.core.tally import Tally

BATCHES: Final = "batches"
DEAD_LETTERS: Final = "dead_letters"
TALLIES: Final = "tallies"


class Outputs(NamedTuple):
    """What goes on to the next step, and what leaves the job's main way."""

    batches: beam.PCollection
    dead_letters: beam.PCollection
    tallies: beam.PCollection


def three_ways(outputs: beam.pvalue.DoOutputsTuple) -> Outputs:
    """Take a step's outputs apart by name, and tell Beam what is in them."""
    found = Outputs(outputs[BATCHES], outputs[DEAD_LETTERS], outputs[TALLIES])
    found.batches.element_type = MicroBatch
    found.tallies.element_type = Tally
    return found
