"""Forecast of what a contract's transformations make of letters, for people who have neither key nor function.

Masks other than tokens need no key. So expressions can be run on letters, unless one reads a token.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from headrace.config.secrets import KEY_BYTES
from headrace.core.dead_letter import Refusal
from headrace.core.micro_batch import MicroBatch
from headrace.schemas.classification import Mask
from headrace.schemas.model import Record, walk
from headrace.schemas.registry import Contract
from headrace.steps.mask.mask_columns import Masker
from headrace.steps.mask.tokens import TokenKey
from headrace.steps.transform import Transformer

_OF_THE_JOB: Final = "_ingested_at"  # known when the job reads the event


class TransformForecast:
    """Filters, derived columns and rules of one contract, run on the rows of letters. There may be none of them."""

    def __init__(self, contract: Contract) -> None:
        self._transformer = Transformer.of(contract)
        self._masker = Masker(contract, TokenKey(os.urandom(KEY_BYTES)))  # no expression reads a token

    @classmethod
    def of(cls, contract: Contract) -> TransformForecast | None:
        """Return the forecast for a contract; None if only the job can run its transformations."""
        if contract.transformations.function is not None:
            return None
        return None if _read_by_expressions(contract) & {*_with_tokens(contract), _OF_THE_JOB} else cls(contract)

    def refusals(self, batch: MicroBatch) -> list[Refusal]:
        """Return the refusals of decoded rows, by their index in *batch*."""
        if self._transformer is None:
            return []
        return self._transformer.transform(replace(batch, rows=self._masker.mask(batch.rows))).refusals


def _read_by_expressions(contract: Contract) -> set[str]:
    texts = contract.transformations.expressions
    if not texts:
        return set()
    from headrace.sql.expression_compiler import columns_in, parse  # imports sqlglot

    return {name for text in texts for name in columns_in(parse(text))}


def _with_tokens(contract: Contract) -> Iterator[str]:
    """Yield the columns that hold a token, or a record with one, in lower case."""
    for field in contract.columns.fields:
        masks = (each.mask for _, each in walk(Record(field.name, (field,))))
        if any(mask is not None and mask.mask is Mask.TOKENISE for mask in masks):
            yield field.column.lower()
