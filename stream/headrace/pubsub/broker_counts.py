"""The counts of the local broker, which no other Pub/Sub answers."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, Final

import grpc
from google.api_core.exceptions import from_grpc_error
from google.protobuf.empty_pb2 import Empty
from google.protobuf.json_format import MessageToDict
from google.protobuf.struct_pb2 import Struct

SERVICE: Final = "headrace.dev.Counts"
METHOD: Final = "Get"


def broker_counts(channel: grpc.Channel, seconds: float) -> Mapping[str, Any] | None:
    """Return ``topics`` and ``subscriptions``, by name; None if this Pub/Sub is not the local broker.

    Raises:
        GoogleAPICallError: the broker did not answer within *seconds*.
    """
    ask = channel.unary_unary(
        f"/{SERVICE}/{METHOD}",
        request_serializer=Empty.SerializeToString,
        response_deserializer=Struct.FromString,
    )
    try:
        return dict(MessageToDict(ask(Empty(), timeout=seconds)))
    except grpc.RpcError as error:
        if error.code() is grpc.StatusCode.UNIMPLEMENTED:
            return None
        raise from_grpc_error(error) from error
