"""Fields and records that are the same field, or the same record, in two versions."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

from headrace.schemas.model import Field, Record, Type, Union, inner


def matched(writer: Record, reader: Record) -> list[tuple[Field, Field]]:
    """Return the pairs of one field in both versions, by its name or by an alias of the reader's field."""
    by_name = {field.name: field for field in writer.written}
    found = []
    for field in reader.written:
        name = next((name for name in (field.name, *field.aliases) if name in by_name), None)
        if name is not None:
            found.append((by_name[name], field))
    return found


class MatchedRecord(NamedTuple):
    """A record of both versions; each path is empty, or ends with a point."""

    old: Record
    new: Record
    old_path: str
    path: str

    @property
    def fields(self) -> list[tuple[Field, Field]]:
        """The fields of both versions."""
        return matched(self.old, self.new)


def matched_records(old: Record, new: Record, old_path: str = "", path: str = "") -> Iterator[MatchedRecord]:
    """Yield each record of both versions, the outermost first."""
    found = MatchedRecord(old, new, old_path, path)
    yield found
    for before, after in found.fields:
        yield from _within(before.type, after.type, f"{old_path}{before.name}", f"{path}{after.name}")


def renamed_paths(old: Record, new: Record) -> dict[str, str]:
    """Return the new path of each field whose path is another one, by the old path; outer fields come first."""
    return {
        f"{each.old_path}{before.name}": f"{each.path}{after.name}"
        for each in matched_records(old, new)
        for before, after in each.fields
        if f"{each.old_path}{before.name}" != f"{each.path}{after.name}"
    }


def _within(old: Type, new: Type, old_path: str, path: str) -> Iterator[MatchedRecord]:
    match inner(old), inner(new):
        case Record() as before, Record() as after:
            yield from matched_records(before, after, f"{old_path}.", f"{path}.")
        case Union(branches), Union(others):
            there = {branch.member: branch for branch in others}
            for branch in (each for each in branches if each.member in there):
                paths = f"{old_path}.{branch.member}", f"{path}.{branch.member}"
                yield from _within(branch.type, there[branch.member].type, *paths)
        case _:
            return
