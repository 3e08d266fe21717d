"""The contract shared by everyone who writes events and everyone who reads them."""

from schemas.envelope import Envelope, SchemaRef
from schemas.errors import (
    ContractError,
    InvalidEventError,
    MalformedEnvelopeError,
    UndecodableError,
    UnknownSchemaError,
)
from schemas.registry import Contract, Registry

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
