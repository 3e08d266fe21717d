"""A key stays where it is kept: a pipeline's graph names it, and workers read it."""

from __future__ import annotations

import pickle
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any

import grpc
import pytest
from apache_beam.internal import pickler
from google.api_core.exceptions import PermissionDenied
from google.cloud import secretmanager_v1
from google.cloud.secretmanager_v1.services.secret_manager_service.transports import SecretManagerServiceGrpcTransport

from headrace.config import secrets
from headrace.config.secrets import HeldKey, SecretVersion
from headrace.config.settings import SettingsError

SECRETS = {"projects/p/secrets/long/versions/1": b"k" * 32, "projects/p/secrets/short/versions/1": b"k" * 31}


class SecretManager(grpc.GenericRpcHandler):
    """Answers as Secret Manager does, and keeps what it was asked for."""

    def __init__(self) -> None:
        self.asked: list[str] = []

    def service(self, details: grpc.HandlerCallDetails) -> grpc.RpcMethodHandler[Any, Any] | None:
        if not details.method.endswith("/AccessSecretVersion"):
            return None
        return grpc.unary_unary_rpc_method_handler(
            self.answer,
            secretmanager_v1.AccessSecretVersionRequest.deserialize,
            secretmanager_v1.AccessSecretVersionResponse.serialize,
        )

    def answer(
        self, request: secretmanager_v1.AccessSecretVersionRequest, context: grpc.ServicerContext
    ) -> secretmanager_v1.AccessSecretVersionResponse:
        self.asked.append(request.name)
        if request.name not in SECRETS:
            context.abort(grpc.StatusCode.PERMISSION_DENIED, "secretmanager.versions.access denied")
        payload = secretmanager_v1.SecretPayload(data=SECRETS[request.name])
        return secretmanager_v1.AccessSecretVersionResponse(name=request.name, payload=payload)


@contextmanager
def running(handler: SecretManager) -> Iterator[secretmanager_v1.SecretManagerServiceClient]:
    server = grpc.server(ThreadPoolExecutor(2), handlers=[handler])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    channel = grpc.insecure_channel(f"127.0.0.1:{port}")
    try:
        yield secretmanager_v1.SecretManagerServiceClient(transport=SecretManagerServiceGrpcTransport(channel=channel))
    finally:
        channel.close()
        server.stop(0).wait()


@pytest.fixture
def manager(monkeypatch: pytest.MonkeyPatch) -> Iterator[SecretManager]:
    handler = SecretManager()
    secrets._read_version.cache_clear()
    with running(handler) as client:
        monkeypatch.setattr(secrets, "open_secrets", lambda: client)
        yield handler
    secrets._read_version.cache_clear()


def test_a_key_is_read_where_it_is_needed_and_once(manager: SecretManager) -> None:
    name = "projects/p/secrets/long/versions/1"
    arrived = pickler.loads(pickler.dumps(SecretVersion(name)))
    assert manager.asked == []
    assert (arrived.read(), arrived.read()) == (b"k" * 32, b"k" * 32)
    assert manager.asked == [name]


def test_a_key_that_is_too_short_or_refused_is_not_used(manager: SecretManager) -> None:
    with pytest.raises(SettingsError, match="secrets/short/versions/1: shorter than 32 bytes"):
        SecretVersion("projects/p/secrets/short/versions/1").read()
    with pytest.raises(PermissionDenied):
        SecretVersion("projects/p/secrets/another/versions/1").read()


@pytest.mark.parametrize("dumps", [pickle.dumps, pickler.dumps])
def test_a_key_in_memory_is_neither_pickled_nor_shown(dumps: object) -> None:
    assert callable(dumps)
    with pytest.raises((TypeError, RuntimeError), match="a key is never pickled"):
        dumps(HeldKey(b"k" * 32))
    assert "kkk" not in repr(HeldKey(b"k" * 32))
