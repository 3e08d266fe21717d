"""Calls on one subscription: what goes to Pub/Sub, what comes back, and as which error; the wire is real."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Final

import grpc
import pytest
from google.api_core.exceptions import Cancelled, DeadlineExceeded, GoogleAPICallError, NotFound, PermissionDenied
from google.protobuf.empty_pb2 import Empty
from google.pubsub_v1 import SubscriberClient
from google.pubsub_v1.services.subscriber.transports import SubscriberGrpcTransport
from google.pubsub_v1.types import (
    AcknowledgeRequest,
    GetSubscriptionRequest,
    ModifyAckDeadlineRequest,
    PubsubMessage,
    PullRequest,
    PullResponse,
    ReceivedMessage,
)
from google.pubsub_v1.types import Subscription as Described

from headrace.engine.pubsub_calls import CALL_SECONDS, Pull, Subscription

NAME: Final = "projects/p/subscriptions/s"
COARSE: Final = 0.5  # seconds: gRPC measures deadlines by a clock that it reads now and then
WAIT: Final = 10.0
SERVICE: Final = "google.pubsub.v1.Subscriber"
ROUTING: Final = "x-goog-request-params"


class ScriptedPubSub:
    """Pub/Sub as far as the engine calls it: it notes each request and answers it, or ends the call with *status*."""

    def __init__(self) -> None:
        self.asked: list[Any] = []
        self.routed: list[str] = []
        self.seconds: list[float] = []
        self.messages: list[ReceivedMessage] = []
        self.status: grpc.StatusCode | None = None
        self.may_answer = threading.Event()
        self.may_answer.set()

    def pull(self, request: Any) -> Any:
        return PullResponse.pb(PullResponse(received_messages=self.messages))

    def describe(self, request: Any) -> Any:
        return Described.pb(Described(name=request.subscription, topic="projects/p/topics/t", ack_deadline_seconds=60))

    def handlers(self) -> dict[str, grpc.RpcMethodHandler[Any, Any]]:
        return {
            "Pull": self._handler(PullRequest.pb(), self.pull),
            "Acknowledge": self._handler(AcknowledgeRequest.pb(), lambda _: Empty()),
            "ModifyAckDeadline": self._handler(ModifyAckDeadlineRequest.pb(), lambda _: Empty()),
            "GetSubscription": self._handler(GetSubscriptionRequest.pb(), self.describe),
        }

    def _handler(self, request: Any, answer: Callable[[Any], Any]) -> grpc.RpcMethodHandler[Any, Any]:
        def serve(asked: Any, context: grpc.ServicerContext) -> Any:
            self.asked.append(asked)
            self.routed += [
                str(value) for key, value in context.invocation_metadata() if key == "x-goog-request-params"
            ]
            self.seconds.append(context.time_remaining())
            self.may_answer.wait(WAIT)
            if self.status is not None:
                context.abort(self.status, "by the script")
            return answer(asked)

        return grpc.unary_unary_rpc_method_handler(serve, request.FromString, lambda answer: answer.SerializeToString())


@pytest.fixture
def server() -> ScriptedPubSub:
    return ScriptedPubSub()


@pytest.fixture
def subscription(server: ScriptedPubSub) -> Iterator[Subscription]:
    with ThreadPoolExecutor(4) as threads:
        listening = grpc.server(threads, [grpc.method_handlers_generic_handler(SERVICE, server.handlers())])
        port = listening.add_insecure_port("127.0.0.1:0")
        listening.start()
        channel = grpc.insecure_channel(f"127.0.0.1:{port}", options=[("grpc.use_local_subchannel_pool", 1)])
        with SubscriberClient(transport=SubscriberGrpcTransport(channel=channel)) as client:
            yield Subscription(client, NAME)
            server.may_answer.set()
        listening.stop(None).wait(WAIT)


def a_message(number: int) -> ReceivedMessage:
    return ReceivedMessage(ack_id=f"ack-{number}", message=PubsubMessage(data=b"x" * number, message_id=str(number)))


class Ended:
    """Hears once that a pull has ended."""

    def __init__(self) -> None:
        self.pulls: list[Pull] = []
        self._is_over = threading.Event()

    def __call__(self, pull: Pull) -> None:
        self.pulls.append(pull)
        self._is_over.set()

    def wait(self) -> Pull:
        assert self._is_over.wait(WAIT)
        (pull,) = self.pulls
        return pull


def test_a_pull_brings_what_pub_sub_has(subscription: Subscription, server: ScriptedPubSub) -> None:
    server.messages = [a_message(1), a_message(2)]
    received = subscription.pull(7, 30.0)
    assert [(each.ack_id, each.message.data) for each in received] == [("ack-1", b"x"), ("ack-2", b"xx")]
    (asked,) = server.asked
    assert (asked.subscription, asked.max_messages) == (NAME, 7)
    assert 0 < server.seconds[0] <= 30.0 + COARSE


def test_a_pull_that_is_begun_says_when_it_has_ended_and_holds_what_it_brought(
    subscription: Subscription, server: ScriptedPubSub
) -> None:
    server.messages = [a_message(3)]
    server.may_answer.clear()
    ended = Ended()
    begun = subscription.begin_pull(9, 60.0, ended)
    assert ended.pulls == [], "it keeps no thread while Pub/Sub has nothing to say"
    server.may_answer.set()
    assert ended.wait() is begun
    assert [each.ack_id for each in begun.received()] == ["ack-3"]
    (asked,) = server.asked
    assert (asked.subscription, asked.max_messages) == (NAME, 9)
    assert 30.0 < server.seconds[0] <= 60.0 + COARSE


def test_a_pull_that_is_ended_before_it_brought_anything_has_failed_with_that(
    subscription: Subscription, server: ScriptedPubSub
) -> None:
    server.may_answer.clear()
    ended = Ended()
    begun = subscription.begin_pull(1, 60.0, ended)
    begun.cancel()
    with pytest.raises(Cancelled):
        ended.wait().received()


def test_an_unanswered_pull_fails_with_its_deadline(subscription: Subscription, server: ScriptedPubSub) -> None:
    server.may_answer.clear()
    ended = Ended()
    subscription.begin_pull(1, 0.05, ended)
    with pytest.raises(DeadlineExceeded):
        ended.wait().received()
    with pytest.raises(DeadlineExceeded):
        subscription.pull(1, 0.05)


def test_an_acknowledgement_names_the_subscription_and_every_id(
    subscription: Subscription, server: ScriptedPubSub
) -> None:
    subscription.acknowledge(["a", "b"])
    (asked,) = server.asked
    assert (asked.subscription, list(asked.ack_ids)) == (NAME, ["a", "b"])
    assert type(asked) is AcknowledgeRequest.pb()
    assert 0 < server.seconds[0] <= CALL_SECONDS + COARSE


@pytest.mark.parametrize("seconds", [60, 0], ids=["held", "handed back"])
def test_a_lease_names_every_id_and_for_how_long(
    subscription: Subscription, server: ScriptedPubSub, seconds: int
) -> None:
    subscription.lease(["a", "b"], seconds)
    (asked,) = server.asked
    assert (asked.subscription, list(asked.ack_ids), asked.ack_deadline_seconds) == (NAME, ["a", "b"], seconds)
    assert 0 < server.seconds[0] <= CALL_SECONDS + COARSE


def test_the_subscription_is_described_as_pub_sub_has_it(subscription: Subscription, server: ScriptedPubSub) -> None:
    described = subscription.describe()
    assert (described.name, described.topic, described.ack_deadline_seconds) == (NAME, "projects/p/topics/t", 60)
    assert subscription.name == NAME


CALLS: Final[dict[str, Callable[[Subscription], object]]] = {
    "pull": lambda subscription: subscription.pull(1, 30.0),
    "begin_pull": lambda subscription: begun(subscription).received(),
    "acknowledge": lambda subscription: subscription.acknowledge(["a"]),
    "lease": lambda subscription: subscription.lease(["a"], 10),
    "describe": lambda subscription: subscription.describe(),
}


def begun(subscription: Subscription) -> Pull:
    ended = Ended()
    subscription.begin_pull(1, 30.0, ended)
    return ended.wait()


@pytest.mark.parametrize("call", CALLS)
def test_every_call_says_to_which_subscription_it_is_to_be_routed(
    subscription: Subscription, server: ScriptedPubSub, call: str
) -> None:
    CALLS[call](subscription)
    assert server.routed == [f"subscription={NAME}"]


@pytest.mark.parametrize("call", CALLS)
@pytest.mark.parametrize(
    ("status", "kind"),
    [(grpc.StatusCode.NOT_FOUND, NotFound), (grpc.StatusCode.PERMISSION_DENIED, PermissionDenied)],
    ids=["not found", "not allowed"],
)
def test_every_call_fails_with_the_error_that_the_client_would_raise(
    subscription: Subscription,
    server: ScriptedPubSub,
    call: str,
    status: grpc.StatusCode,
    kind: type[GoogleAPICallError],
) -> None:
    server.status = status
    with pytest.raises(kind):
        CALLS[call](subscription)
