"""Contracts, which writers and readers of events share."""

from headrace.schemas.envelope import Envelope, SchemaRef
from headrace.schemas.errors import (
    ContractError,
    InvalidEventError,
    MalformedEnvelopeError,
    UndecodableError,
    UnknownSchemaError,
)
from headrace.schemas.registry import Contract, Registry

__all__ = [
    "Contract",
    "ContractError",
    "Envelope",
    "InvalidEventError",
    "MalformedEnvelopeError",
    "Registry",
    "SchemaRef",
    "UndecodableError",
    "UnknownSchemaError",
]
