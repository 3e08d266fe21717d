"""Types that other files of a folder define, and schemas that hold the definition of every type that they use."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any, Final, NamedTuple

from headrace.schemas.avro_names import PRIMITIVES, FullName, candidates, declared_name
from headrace.schemas.avro_text import read_avro, without_comments
from headrace.schemas.errors import ContractError
from headrace.schemas.parse import MAX_DEPTH

_NAMED: Final = ("record", "enum", "fixed")
_VERSIONED: Final = re.compile(r"\.v[0-9]+\Z", re.IGNORECASE)


class Definition(NamedTuple):
    """One definition of a type: its JSON, its name, and the file that has it."""

    avro: Mapping[str, Any]
    name: FullName
    file: str

    def same_as(self, other: Definition) -> bool:
        """Return whether both say the same."""
        return json.dumps(self.avro, sort_keys=True) == json.dumps(other.avro, sort_keys=True)


class SharedTypes:
    """The types that the files of a folder define, by full name.

    A file of shared types is preferred to a contract: a contract defines its types for itself first of all.
    """

    def __init__(self) -> None:
        self._shared: dict[str, list[Definition]] = {}
        self._contracts: dict[str, list[Definition]] = {}

    def add_contract(self, text: str, file: str) -> None:
        """Add the types of a contract. A text that is no schema adds none: reading the contract reports why."""
        try:
            found = definitions(read_avro(without_comments(text, file), file), file)
        except ContractError:
            return
        for each in found:
            self._contracts.setdefault(str(each.name), []).append(each)

    def add_file(self, text: str, file: str, stem: str) -> None:
        """Add the types of a file of shared types, which is called *stem*, after one of them.

        Raises:
            ContractError: it is no schema, or a contract with a wrong name.
        """
        avro = read_avro(without_comments(text, file), file)
        outermost = avro if isinstance(avro, list) else [avro]
        names = [str(name) for name in map(_name_of, outermost) if name]
        is_contract = any(isinstance(each, Mapping) and "headrace" in each for each in outermost)
        fits = any(stem in (name, name.rpartition(".")[2]) for name in names)
        if is_contract or not fits or _VERSIONED.search(stem):
            raise _misnamed(file, [] if is_contract else names)
        for each in definitions(avro, file):
            self._shared.setdefault(str(each.name), []).append(each)

    def find(self, name: str, where: str) -> Definition | None:
        """Return the definition of a full name; None if no file has one.

        Raises:
            ContractError: files define it in different ways.
        """
        found = self._shared.get(name) or self._contracts.get(name, [])
        for other in found[1:]:
            if not other.same_as(found[0]):
                raise ContractError(
                    where,
                    f"{name} is defined in {found[0].file} and otherwise in {other.file}",
                    f"define it in this file too, or in a file of its own, {name}.avsc",
                )
        return found[0] if found else None


def definitions(avro: Any, file: str) -> list[Definition]:
    """Return every definition in a schema. What is malformed is left out: the parser reports it."""
    return list(_definitions(avro, "", file, 1))


def event_of(avro: Any, where: str) -> Any:
    """Return the event's own schema: of a list, the record with our annotation, else its last record.

    Raises:
        ContractError: several records of a list have the annotation, or it has no record.
    """
    if not isinstance(avro, list):
        return avro
    records = [each for each in avro if isinstance(each, Mapping) and each.get("type") == "record"]
    annotated = [each for each in records if "headrace" in each]
    if len(annotated) > 1:
        raise ContractError(where, "a list of several records with headrace", "leave it on the record of the event")
    if not records:
        raise ContractError(where, "a list without a record", 'an event is a record: write "type": "record"')
    return (annotated or records)[-1]


def bundled(avro: Any, shared: SharedTypes, where: str) -> Any:
    """Return the event's schema with the definition of every type that it uses, each at its first use.

    The result is *avro* itself if nothing is missing in it.

    Raises:
        ContractError: files define a type in different ways, or there is no event in a list.
    """
    event = event_of(avro, where)
    own = {str(each.name): each for each in reversed(definitions(avro, where))}
    bundler = _Bundler(own, shared, where)
    found = bundler.walk(event, "", 1)
    return found if bundler.changed else event


class _Bundler:
    """Copier of a schema that puts definitions of other places where their names are used first."""

    def __init__(self, own: Mapping[str, Definition], shared: SharedTypes, where: str) -> None:
        self.changed = False
        self._own, self._shared, self._where = own, shared, where
        self._defined: set[str] = set()
        self._moved: set[int] = set()  # definitions that were needed before their place

    def walk(self, avro: Any, namespace: str, depth: int) -> Any:
        if depth > 2 * MAX_DEPTH:
            return avro  # the parser refuses it
        if isinstance(avro, str):
            return self._reference(avro, namespace, depth)
        if isinstance(avro, list):
            return [self.walk(each, namespace, depth + 1) for each in avro]
        if not isinstance(avro, Mapping):
            return avro
        if avro.get("type") in _NAMED:
            return self._definition(avro, namespace, depth)
        return {
            key: self.walk(value, namespace, depth + 1) if key in ("type", "items", "values") else value
            for key, value in avro.items()
        }

    def _definition(self, avro: Mapping[str, Any], namespace: str, depth: int) -> Any:
        name = _name_of(avro, namespace)
        if name is None:
            return avro
        if id(avro) in self._moved:
            return str(name)
        self._defined.add(str(name))
        return self._with_fields(avro, name.namespace, depth)

    def _with_fields(self, avro: Mapping[str, Any], namespace: str, depth: int) -> dict[str, Any]:
        fields = avro.get("fields")
        if not isinstance(fields, list):
            return dict(avro)
        return {**avro, "fields": [self._field(field, namespace, depth) for field in fields]}

    def _field(self, field: Any, namespace: str, depth: int) -> Any:
        if not isinstance(field, Mapping) or "type" not in field:
            return field
        return {**field, "type": self.walk(field["type"], namespace, depth + 1)}

    def _reference(self, name: str, namespace: str, depth: int) -> Any:
        if name in PRIMITIVES:
            return name
        for full in candidates(name, namespace):
            if full in self._defined:
                return name
            found = self._own.get(full) or self._shared.find(full, self._where)
            if found is not None:
                return self._moved_here(found, depth)
        return name  # the parser names the field that uses it

    def _moved_here(self, found: Definition, depth: int) -> Any:
        self.changed = True
        self._defined.add(str(found.name))
        self._moved.add(id(found.avro))
        whole = {**found.avro, "name": found.name.name, "namespace": found.name.namespace}
        return self._with_fields(whole, found.name.namespace, depth)


def _definitions(avro: Any, namespace: str, file: str, depth: int) -> Iterator[Definition]:
    if depth > 2 * MAX_DEPTH:
        return
    if isinstance(avro, list):
        for each in avro:
            yield from _definitions(each, namespace, file, depth + 1)
    if not isinstance(avro, Mapping):
        return
    name = _name_of(avro, namespace) if avro.get("type") in _NAMED else None
    if name is not None:
        yield Definition(avro, name, file)
    fields = avro.get("fields")
    inside = [each.get("type") for each in fields if isinstance(each, Mapping)] if isinstance(fields, list) else []
    for each in (avro.get("type"), avro.get("items"), avro.get("values"), *inside):
        if not isinstance(each, str | None):  # almost every type is a name, which defines nothing
            yield from _definitions(each, name.namespace if name else namespace, file, depth + 1)


def _name_of(avro: Any, namespace: str = "") -> FullName | None:
    if not isinstance(avro, Mapping) or avro.get("type") not in _NAMED:
        return None
    try:
        return declared_name(avro, namespace, "")
    except ContractError:
        return None


def _misnamed(file: str, names: list[str]) -> ContractError:
    shared = f", or, if it holds types that contracts share, {names[-1]}.avsc" if names else ""
    return ContractError(
        file,
        "not the name of a contract",
        "call it <subject>.v<N>.avsc: a subject of 3 to 100 lower-case letters, digits and _, which does not begin "
        f"with goog, and a version from 1 to 999999{shared}",
    )
