"""A BigQuery emulator on this machine that answers each call with a failure of its own."""

from __future__ import annotations

import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

FAILURE = "An internal error occurred"


class _Handler(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        fault = {"domain": "global", "reason": "internalError", "message": FAILURE}
        body = json.dumps({"error": {"code": 500, "message": FAILURE, "errors": [fault]}}).encode()
        self.rfile.read(int(self.headers.get("Content-Length", 0)))
        self.send_response(500)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    do_POST = do_GET  # noqa: N815

    def log_message(self, format: str, *args: object) -> None:
        """Print nothing."""


@contextmanager
def failing_bigquery() -> Iterator[str]:
    """Serve for the block, and yield the address."""
    with ThreadingHTTPServer(("127.0.0.1", 0), _Handler) as server:
        thread = threading.Thread(target=server.serve_forever, daemon=True)
        thread.start()
        yield f"127.0.0.1:{server.server_address[1]}"
        server.shutdown()
        thread.join()
