"""A registry on this machine: an HTTP server with the recorded answers, or with others, good and bad."""

from __future__ import annotations

import json
import ssl
import threading
import time
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

from headrace.schema_registry.registry_access import RegistryAccess
from tests.support.registry_answers import CCOMPAT, NATIVE, recorded_answers

NO_ID = {"error_code": 40403, "message": "Schema not found"}
NO_SUBJECT = {"error_code": 40401, "message": "Subject not found"}


@dataclass(frozen=True)
class Reply:
    """What the server does with a request. *claimed* is the length that it claims; *drip* the seconds for each byte."""

    status: int = 200
    body: bytes = b""
    media_type: str = "application/vnd.schemaregistry.v1+json"
    headers: Mapping[str, str] = field(default_factory=dict)
    delay: float = 0.0
    drip: float = 0.0
    claimed: int | None = None


def a_reply(value: Any, status: int = 200, **more: Any) -> Reply:
    """A reply with *value* as JSON."""
    return Reply(status, json.dumps(value).encode(), **more)


def a_schema_reply(schema: Any, **more: Any) -> Reply:
    """The reply to the question for an id; *schema* is a text, or JSON."""
    return a_reply({"schema": schema if isinstance(schema, str) else json.dumps(schema), **more})


def recorded_replies() -> dict[str, Reply]:
    """The replies of the real registry."""
    return {
        path: Reply(each.status, each.body, media_type=each.media_type) for path, each in recorded_answers().items()
    }


@dataclass
class RegistryServer:
    """A running server. Change its *replies* at any time; *asked* has the paths and headers of all requests."""

    url: str
    native_url: str
    replies: dict[str, Reply]
    asked: list[tuple[str, Mapping[str, str]]] = field(default_factory=list)
    away: bool = False

    @property
    def access(self) -> RegistryAccess:
        """Access without credentials."""
        return RegistryAccess(self.url, self.native_url)

    def paths(self, ending: str = "") -> list[str]:
        """The paths of all requests that contain *ending*."""
        return [path for path, _ in self.asked if ending in path]

    def answers(self, path: str, reply: Reply) -> None:
        """Answer *path*, below the base of Confluent's API, with *reply*."""
        self.replies[f"{CCOMPAT}{path}"] = reply

    def give_id(self, content_id: int, schema: Any, **more: Any) -> None:
        """Let *content_id* name *schema*."""
        self.answers(f"/schemas/ids/{content_id}", a_schema_reply(schema, **more))


@contextmanager
def a_registry(
    replies: Mapping[str, Reply] | None = None, tls: ssl.SSLContext | None = None
) -> Iterator[RegistryServer]:
    """Run a server with *replies*, by default the recorded ones."""
    found = dict(recorded_replies() if replies is None else replies)
    found.setdefault(f"{CCOMPAT}/schemas/types", a_reply(["AVRO"]))
    web = ThreadingHTTPServer(("127.0.0.1", 0), _Handler)
    web.daemon_threads = True
    if tls is not None:
        web.socket = tls.wrap_socket(web.socket, server_side=True, do_handshake_on_connect=False)
    base = f"{'https' if tls else 'http'}://127.0.0.1:{web.server_port}"
    web.registry = RegistryServer(f"{base}{CCOMPAT}", f"{base}{NATIVE}", found)  # type: ignore[attr-defined]
    thread = threading.Thread(target=web.serve_forever, kwargs={"poll_interval": 0.02}, daemon=True)
    thread.start()
    try:
        yield web.registry  # type: ignore[attr-defined]
    finally:
        web.shutdown()
        web.server_close()
        thread.join()


class _Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self) -> None:
        registry: RegistryServer = self.server.registry  # type: ignore[attr-defined]
        path = self.path.partition("?")[0]
        registry.asked.append((self.path, dict(self.headers)))
        missing = NO_ID if "/ids/" in path else NO_SUBJECT
        self._reply(Reply(503) if registry.away else registry.replies.get(path, a_reply(missing, 404)))

    def _reply(self, reply: Reply) -> None:
        time.sleep(reply.delay)
        self.send_response(reply.status)
        self.send_header("Content-Type", reply.media_type)
        self.send_header("Content-Length", str(len(reply.body) if reply.claimed is None else reply.claimed))
        for name, value in reply.headers.items():
            self.send_header(name, value)
        self.end_headers()
        try:
            self._write(reply)
        except OSError:  # the client has given up
            self.close_connection = True
        if reply.claimed is not None:
            self.close_connection = True

    def _write(self, reply: Reply) -> None:
        if not reply.drip:
            self.wfile.write(reply.body)
            return
        for byte in reply.body:
            self.wfile.write(bytes([byte]))
            self.wfile.flush()
            time.sleep(reply.drip)

    def log_message(self, *_: Any) -> None:
        """Print nothing."""
