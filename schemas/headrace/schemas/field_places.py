"""Places of the annotations of fields: in the field itself, or by its path in a sidecar."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class FieldPlaces:
    """Places in the contract *where*; *by_path* has its annotation ``fields``, None if it has none."""

    where: str
    by_path: Mapping[str, Any] | None = None

    def of_type(self, path: str) -> str:
        """Return the place of a field in the schema."""
        return f"{self.where}.{path}"

    def stated(self, path: str, key: str) -> str:
        """Return the place of the annotation *key* that a field has."""
        given = (self.by_path or {}).get(path)
        by_path = isinstance(given, Mapping) and key in given
        return f"{self.where}.headrace.fields.{path}.{key}" if by_path else f"{self.where}.{path}.{key}"

    def missing(self, path: str) -> str:
        """Return the place for an annotation that a field lacks."""
        return self.of_type(path) if self.by_path is None else f"{self.where}.headrace.fields.{path}"

    def not_personal(self, path: str) -> str:
        """Return how a field without a classification says that it is not personal, in JSON."""
        return '"pii": "none"' if self.by_path is None else f'"{path}": {{"pii": "none"}} to fields'
