"""The revisions of Pub/Sub's schema service, as what it has published of the contracts of a folder."""

from __future__ import annotations

from collections.abc import Callable

from headrace.contract_check.published import Published
from headrace.contract_comparison.held_versions import published_by
from headrace.contract_comparison.schema_versions import HeldSchema
from headrace.contract_publish.schema_service import SchemaService
from headrace.schemas.registry import FolderContents
from headrace.util.terminal_columns import counted


def published_revisions(found: FolderContents, service: SchemaService, note: Callable[[str], None]) -> Published:
    """Return what the schema service has published; *note* gets a sentence that says how much that is.

    Raises:
        RegistryError: the service cannot be asked, or refuses the credentials.
    """
    held: dict[str, int] = {}

    def held_of(subject: str) -> list[HeldSchema]:
        schema = service.schema(subject)
        listed = [
            HeldSchema(f"revision {each.revision.id} of {schema}", each.revision, each.definition)
            for each in service.definitions(schema)
        ]
        held[subject] = len(listed)
        return listed

    published = published_by(found, held_of)
    schemas = counted(sum(1 for count in held.values() if count), "schema")
    without = [subject for subject, count in held.items() if not count]
    lacking = f"; it has no schema {', '.join(without)}" if without else ""
    note(f"compared with {counted(sum(held.values()), 'revision')} of {schemas} in {service.project}{lacking}")
    return published
