"""Turn messages into rows to write (decode, mask, window, transform), and all others into dead letters."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta

from headrace.core.arrivals import tally_arrivals
from headrace.core.dead_letter import DeadLetter, Refusal, dead_letters, dead_letters_of_messages
from headrace.core.message import Message
from headrace.core.micro_batch import MicroBatch
from headrace.core.outcome import Outcome
from headrace.core.tally import Tally, tally_refusals, tally_rows, tally_unread_drops, tally_unread_refusals
from headrace.schemas.registry import Registry
from headrace.steps import transform as transforming
from headrace.steps import window as windowing
from headrace.steps.decode import decode_messages as decoding
from headrace.steps.mask.mask_columns import Masker
from headrace.steps.mask.tokens import TokenKey


@dataclass(frozen=True, slots=True)
class Prepared:
    """The rows of a round, and the dead letters and tallies of the messages without a row.

    *left* is the number of messages at the end that are for the next round, because the others give as many rows as one
    round may have. *dropped_unread* counts messages without a payload, which the contract leaves out. *warnings* counts
    rows that break rules of the contract, by rule.
    """

    batch: MicroBatch | None
    letters: list[DeadLetter] = field(repr=False)
    tallies: list[Tally]
    dropped_rows: MicroBatch | None = None
    left: int = 0
    dropped_unread: int = 0
    warnings: Mapping[str, int] = field(default_factory=dict)

    @property
    def dropped(self) -> int:
        """The number of messages that the contract leaves out: without a payload, or by its filter."""
        return self.dropped_unread + (0 if self.dropped_rows is None else len(self.dropped_rows))


class Preparation:
    """The steps that turn one subject's messages into rows; compiled once."""

    def __init__(
        self,
        registry: Registry,
        subject: str,
        window: timedelta,
        token_key: TokenKey,
        decoder: decoding.Decoder | None = None,
    ) -> None:
        self._contract = registry.latest(subject)
        self._decoder = decoder or decoding.Decoder(registry, subject)
        self._masker = Masker(self._contract, token_key)
        self._transformer = transforming.Transformer.of(self._contract)
        self._window = window

    def prepare(self, messages: Sequence[Message], now: int) -> Prepared:
        """Decode, mask, window and transform *messages*; *now* is in microseconds since 1970."""
        decoded = decoding.decode(messages, self._decoder, now)
        messages = messages[: len(messages) - decoded.left]
        letters = list(dead_letters_of_messages(messages, decoded.refusals, decoding.STAGE))
        tallies = tally_unread_refusals(messages, decoded.refusals, self._window)
        tallies += tally_unread_drops(messages, decoded.dropped, self._window)
        tallies += tally_arrivals(messages, self._window)
        prepared = self._prepared(messages, decoded.batch, letters, tallies)
        return replace(prepared, left=decoded.left, dropped_unread=len(decoded.dropped))

    def _prepared(
        self,
        messages: Sequence[Message],
        decoded: MicroBatch | None,
        letters: list[DeadLetter],
        tallies: list[Tally],
    ) -> Prepared:
        """Mask, window and transform the rows of *decoded*."""
        if decoded is None:
            return Prepared(None, letters, tallies)
        masked = replace(decoded, rows=self._masker.mask(decoded.rows))
        windowed = windowing.assign_windows(masked, self._contract, self._window)
        letters += dead_letters(messages, masked, windowed.refusals, windowing.STAGE)
        tallies += tally_refused(masked, windowed.refusals, self._window)
        if windowed.batch is None or self._transformer is None:
            return Prepared(windowed.batch, letters, tallies)
        return self._transformed(messages, windowed.batch, self._transformer, letters, tallies)

    def _transformed(
        self,
        messages: Sequence[Message],
        batch: MicroBatch,
        transformer: transforming.Transformer,
        letters: list[DeadLetter],
        tallies: list[Tally],
    ) -> Prepared:
        done = transformer.transform(batch)
        letters += dead_letters(messages, batch, done.refusals, transforming.STAGE)
        tallies += tally_refused(batch, done.refusals, self._window)
        if done.dropped is not None:
            both = (Outcome.RECEIVED, Outcome.DROPPED)
            tallies += [tally_rows(done.dropped, each, self._window) for each in both]
        return Prepared(done.batch, letters, tallies, done.dropped, warnings=done.warnings)


def tally_refused(batch: MicroBatch, refusals: Sequence[Refusal], window: timedelta) -> list[Tally]:
    """Count rows as received and dead-lettered."""
    if not refusals:
        return []
    refused = batch.take([refusal.index for refusal in refusals])
    return [tally_rows(refused, Outcome.RECEIVED, window), *tally_refusals(batch, refusals, window)]
