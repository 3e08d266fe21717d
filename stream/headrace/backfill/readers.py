"""Readers of CSV, NDJSON, Avro object files and Parquet; they never hold a file in memory as a whole.

A line that cannot be read is returned with its problem, and reading continues with the next line.
"""

from __future__ import annotations

import zlib
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from typing import BinaryIO, Final

import pyarrow as pa

from headrace.backfill.avro_lines import avro_content
from headrace.backfill.backfill_errors import BackfillError, CutOffError
from headrace.backfill.csv_lines import csv_content
from headrace.backfill.file_line import Content, Lines
from headrace.backfill.json_lines import json_content
from headrace.backfill.parquet_lines import parquet_content


class Reader:
    """Lines of one open file.

    *columns* are the file's columns, or None if each line has its own. *texts* means that all values are texts.

    Raises:
        BackfillError: the part before the first line cannot be read.
    """

    def __init__(self, place: str, kind: str, file: BinaryIO, delimiter: str) -> None:
        self.texts = kind == ".csv"
        with _named_errors(place):
            self.columns, lines = KINDS[kind](file, delimiter)
        self.lines: Lines = _named(place, lines)


def _named(place: str, lines: Lines) -> Lines:
    with _named_errors(place):
        yield from lines


@contextmanager
def _named_errors(place: str) -> Iterator[None]:
    try:
        yield
    except CutOffError as error:
        raise CutOffError(f"{place}: cannot be read any further: {error}") from error
    except BackfillError as error:
        raise BackfillError(f"{place}: {error}") from error
    except MemoryError as error:
        raise CutOffError(f"{place}: cannot be read any further: it needs more memory than there is") from error
    except (OSError, EOFError, ValueError, TypeError, LookupError, zlib.error, pa.ArrowException) as error:
        raise CutOffError(
            f"{place}: cannot be read any further ({type(error).__name__}); is it whole, and of the format its ending "
            "says?"
        ) from error


KINDS: Final[Mapping[str, Callable[[BinaryIO, str], Content]]] = {
    ".csv": csv_content,
    ".ndjson": json_content,
    ".jsonl": json_content,
    ".avro": avro_content,
    ".parquet": parquet_content,
}
WHOLE: Final = frozenset({".parquet"})  # readers need their end first
