"""Upper bound of all rates of the benchmark: pull and acknowledge in raw protobuf, and nothing else.

``python -m headrace.dev.bench.ceiling <subscription> <total> <threads>``.
"""

from __future__ import annotations

import os
import sys
import threading
from typing import Any

import grpc
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1.types import AcknowledgeRequest, PullRequest, PullResponse

from headrace.dev.bench.ticks import Ticker
from headrace.runtime.google_clients import PUBSUB

_SERVICE = "/google.pubsub.v1.Subscriber"


def drain(subscription: str, ticker: Ticker, done: threading.Event) -> None:
    """Pull and acknowledge until everything is done."""
    pull_request, ack_request, pulled = PullRequest.pb(), AcknowledgeRequest.pb(), PullResponse.pb()
    with grpc.insecure_channel(os.environ[PUBSUB], options=[("grpc.use_local_subchannel_pool", 1)]) as channel:
        pull = channel.unary_unary(
            f"{_SERVICE}/Pull",
            request_serializer=pull_request.SerializeToString,
            response_deserializer=pulled.FromString,
        )
        acknowledge = channel.unary_unary(
            f"{_SERVICE}/Acknowledge",
            request_serializer=ack_request.SerializeToString,
            response_deserializer=Empty.FromString,
        )
        while not done.is_set():
            try:
                response = pull(pull_request(subscription=subscription, max_messages=1000), timeout=1)
            except grpc.RpcError as error:
                call: Any = error  # of one of gRPC's own classes, which has a code
                if call.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                    continue
                raise
            ack_ids = [one.ack_id for one in response.received_messages]
            if ack_ids:
                acknowledge(ack_request(subscription=subscription, ack_ids=ack_ids), timeout=10)
                if ticker.add(len(ack_ids)):
                    done.set()


def main(subscription: str, total: int, threads: int) -> None:
    """Run until *total* messages are acknowledged."""
    ticker, done = Ticker(total), threading.Event()
    running = [threading.Thread(target=drain, args=(subscription, ticker, done)) for _ in range(threads)]
    for each in running:
        each.start()
    for each in running:
        each.join()


if __name__ == "__main__":
    main(sys.argv[1], int(sys.argv[2]), int(sys.argv[3]))
