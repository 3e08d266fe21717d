"""A local HTTP API that pages as real ones do, and is as moody: it limits rates, fails, and lies on demand."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qs, urlsplit

Answer = tuple[int, Mapping[str, str], bytes]
TOKEN = "a-token-of-the-api"


@dataclass
class Api:
    """Rows by their cursor ``n``, *page* of them an answer; *moods* are the first answers of the nth requests."""

    rows: list[Mapping[str, Any]]
    page: int = 100
    moods: dict[int, Answer] = field(default_factory=dict)
    requests: list[str] = field(default_factory=list)
    tokens: set[str] = field(default_factory=set)
    given: int = 0
    url: str = ""

    def answer(self, path: str) -> Answer:
        self.requests.append(path)
        if mood := self.moods.get(len(self.requests)):
            return mood
        asked = {name: value[0] for name, value in parse_qs(urlsplit(path).query).items()}
        since, page = int(asked.get("since", 0)), int(asked.get("page", 1))
        rows = sorted((row for row in self.rows if row["n"] >= since), key=lambda row: row["n"])
        part = rows[(page - 1) * self.page : page * self.page]
        self.given += len(part)
        return 200, {}, json.dumps({"data": {"items": part}, "total": len(rows)}).encode()


RATE_LIMITED: Answer = (429, {"Retry-After": "1"}, b"slower, please")
FAILED: Answer = (500, {}, b"sorry")
GONE: Answer = (404, {}, b"no such page")
OTHER: Answer = (200, {}, b'{"error": "maintenance"}')


@contextmanager
def a_served_api(rows: Sequence[Mapping[str, Any]], page: int = 100, moods: Mapping[int, Answer] = {}) -> Iterator[Api]:
    api = Api(list(rows), page, dict(moods))
    server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(api.answer, api.tokens))
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.05}, daemon=True)
    thread.start()
    api.url = f"http://127.0.0.1:{server.server_port}"
    try:
        yield api
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def _handler(answer: Callable[[str], Answer], tokens: set[str]) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            tokens.add(self.headers.get("Authorization", ""))
            status, headers, body = answer(self.path)
            self.send_response(status)
            for name, value in {"Content-Length": str(len(body)), **headers}.items():
                self.send_header(name, value)
            self.end_headers()
            self.wfile.write(body)

        def log_message(self, *_: Any) -> None:
            pass

    return Handler
