"""The service ``google.iam.v1.IAMPolicy``, which the broker refuses: on this machine, every call is allowed."""

from __future__ import annotations

from typing import Any, Final

import grpc
from google.protobuf.empty_pb2 import Empty

from headrace.dev.broker.broker_errors import unimplemented
from headrace.dev.broker.grpc_methods import service, waiting

_METHODS: Final = ("SetIamPolicy", "GetIamPolicy", "TestIamPermissions")


def iam_service() -> grpc.GenericRpcHandler:
    """Return the handler of the service."""
    return service("google.iam.v1.IAMPolicy", {name: waiting(Empty, _refuse) for name in _METHODS})


async def _refuse(_request: Any, _context: Any) -> Any:
    raise unimplemented("IAM; every call is allowed")
