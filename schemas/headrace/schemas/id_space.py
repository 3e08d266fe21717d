"""The numbering of schema ids in a registry."""

from __future__ import annotations

from enum import StrEnum


class IdSpace(StrEnum):
    """Kind of the ids that a payload's header carries.

    Confluent's API knows one kind of ids, *content* ids: equal texts have one. Apicurio also numbers every version of
    every subject, by *global* ids, which its own serializers write. One number names other schemas in the two spaces.
    """

    CONTENT = "content"
    GLOBAL = "global"
