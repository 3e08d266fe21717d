"""Errors that the broker's clients see: a gRPC status code and its message."""

from __future__ import annotations

from collections.abc import Mapping

import grpc

from headrace.errors import Exit, HeadraceError


class BrokerError(HeadraceError, error_code="HR-918", exit_code=Exit.BUG):
    """A call that the broker refuses, with status *code*. *ack_ids* has the cause for each refused acknowledgement."""

    def __init__(self, code: grpc.StatusCode, message: str, ack_ids: Mapping[str, str] | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.ack_ids = dict(ack_ids or {})


def not_found(name: str) -> BrokerError:
    """Return the error for a resource that does not exist."""
    return BrokerError(grpc.StatusCode.NOT_FOUND, f"Resource not found (resource={name}).")


def already_exists(name: str) -> BrokerError:
    """Return the error for a resource that exists."""
    return BrokerError(grpc.StatusCode.ALREADY_EXISTS, f"Resource already exists in the project (resource={name}).")


def invalid(message: str) -> BrokerError:
    """Return the error for an invalid request."""
    return BrokerError(grpc.StatusCode.INVALID_ARGUMENT, message)


def unimplemented(what: str) -> BrokerError:
    """Return the error for something that the service does and the broker does not."""
    return BrokerError(grpc.StatusCode.UNIMPLEMENTED, f"The local broker has no {what}.")


def failed_precondition(message: str) -> BrokerError:
    """Return the error for a request that the state of a resource does not allow."""
    return BrokerError(grpc.StatusCode.FAILED_PRECONDITION, message)
