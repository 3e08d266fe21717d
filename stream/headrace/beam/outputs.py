"""The outputs that several steps share."""

from __future__ import annotations

from typing import Any, Final, NamedTuple

import apache_beam as beam

from headrace.core.micro_batch import MicroBatch
from headrace.core.tally import Tally

BATCHES: Final = "batches"
DEAD_LETTERS: Final = "dead_letters"
TALLIES: Final = "tallies"


class Outputs(NamedTuple):
    """The outputs of a step: batches for the next step, dead letters and tallies."""

    batches: beam.PCollection[Any]
    dead_letters: beam.PCollection[Any]
    tallies: beam.PCollection[Any]


def split_outputs(outputs: beam.pvalue.DoOutputsTuple) -> Outputs:
    """Split a step's outputs by name, and give Beam their types."""
    found = Outputs(outputs[BATCHES], outputs[DEAD_LETTERS], outputs[TALLIES])
    found.batches.element_type = MicroBatch
    found.tallies.element_type = Tally
    return found
