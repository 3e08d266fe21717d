"""docs/producer.md: each example runs as a program of its own, against a server with Pub/Sub's API."""

from __future__ import annotations

import json
import os
import re
import signal
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

import headrace.producers
from headrace.errors import HeadraceError
from headrace.producers.transport import limits
from headrace.schemas.sequence import SequenceNumber
from tests.support.paths import ROOT
from tests.support.publish_server import PublishServer, serving
from tests.support.waiting import wait_until

PAGE = (ROOT / "docs" / "producer.md").read_text()
PROGRAMS = dict(re.findall(r"^```python\n# (\w+\.py)\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE))
FILES = {"json": "contracts/order_placed.v1.avsc", "toml": "headrace.toml", "ini": "pytest.ini"}
SECONDS = 60
PUBLISH = """
from datetime import UTC, datetime
from decimal import Decimal
producer.publish("order_placed", {"order_id": "o-1", "placed_at": datetime.now(UTC), "amount": Decimal(1)})
producer.close()
"""


def needs(*modules: str) -> pytest.MarkDecorator:
    missing = [each for each in modules if find_spec(each) is None]
    return pytest.mark.skipif(bool(missing), reason=f"{', '.join(missing)} not installed")


class Shop:
    """A folder with the files and programs of the page, and the server to which they publish."""

    def __init__(self, folder: Path, server: PublishServer, port: int) -> None:
        self.folder, self.server = folder, server
        kept = {name: value for name, value in os.environ.items() if not name.startswith("HEADRACE_")}
        self.environment = kept | {"PUBSUB_EMULATOR_HOST": f"127.0.0.1:{port}", "PYTHONPATH": str(ROOT)}

    @property
    def orders(self) -> list[str]:
        """The order ids that arrived: the first field of each payload."""
        return [message.data[1 : 1 + message.data[0] // 2].decode() for message in self.server.messages]

    def run(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        done = subprocess.run(
            [sys.executable, *arguments],
            cwd=self.folder,
            env=self.environment,
            capture_output=True,
            text=True,
            timeout=SECONDS,
        )
        assert done.returncode == 0, done.stdout + done.stderr
        return done

    def code(self, code: str) -> subprocess.CompletedProcess[str]:
        return self.run("-c", code)

    @contextmanager
    def started(self, *arguments: str) -> Iterator[subprocess.Popen[bytes]]:
        """Start a program that ends by SIGTERM, which it is sent at the end."""
        with (self.folder / "log.txt").open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, *arguments], cwd=self.folder, env=self.environment, stdout=log, stderr=log
            )
            try:
                yield process
                process.send_signal(signal.SIGTERM)
                process.wait(SECONDS)
            finally:
                process.kill()
                process.wait()


@pytest.fixture
def shop(tmp_path: Path) -> Iterator[Shop]:
    for language, name in FILES.items():
        (text,) = re.findall(rf"^```{language}\n(.*?)^```$", PAGE, re.DOTALL | re.MULTILINE)
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    for name, text in PROGRAMS.items():
        (tmp_path / name).write_text(text)
    server = PublishServer("projects/my-project/topics/order_placed")
    with serving(server) as port:
        yield Shop(tmp_path, server, port)


def test_every_example_is_a_program_with_a_name() -> None:
    assert len(PROGRAMS) == len(re.findall(r"^```python$", PAGE, re.MULTILINE))
    tested = set(re.findall(r"\b(\w+)(?:\.py\b|:app\b)|\b(?:import|from) (\w+)\b", Path(__file__).read_text()))
    assert {Path(each).stem for each in PROGRAMS} <= {name for pair in tested for name in pair}


def test_the_script_publishes(shop: Shop) -> None:
    shop.run("script.py")
    assert shop.orders == ["o-1"]
    assert shop.server.messages[0].attributes["ce-source"] == "/shop"


def test_numbered_events_have_contiguous_numbers(shop: Shop) -> None:
    shop.run("numbered.py")
    sequences = [SequenceNumber.parse(message.attributes["ce-sequence"]) for message in shop.server.messages]
    assert sorted(each.number for each in sequences if each is not None) == [1, 2, 3]


def test_a_producer_without_settings_publishes(shop: Shop) -> None:
    (shop.folder / "headrace.toml").unlink()
    shop.code(f"from places import producer{PUBLISH}")
    assert shop.orders == ["o-1"]


def test_coroutines_publish(shop: Shop) -> None:
    shop.run("many.py")
    assert sorted(shop.orders) == sorted(f"o-{number}" for number in range(1000))


@needs("fastapi", "httpx")
def test_the_application_of_fastapi_answers_when_the_event_has_arrived(shop: Shop) -> None:
    done = shop.code("""
from fastapi.testclient import TestClient
from app import app
with TestClient(app) as client:
    for number in range(3):
        print(client.post("/orders", json={"order_id": f"o-{number}", "amount": "12.50"}).status_code)
""")
    assert done.stdout.split() == ["202"] * 3
    assert shop.orders == ["o-0", "o-1", "o-2"]


DJANGO = """
from django.conf import settings
settings.configure(
    ALLOWED_HOSTS=["*"],
    ROOT_URLCONF=__name__,
    DATABASES={"default": {"ENGINE": "django.db.backends.sqlite3", "NAME": "shop.db"}},
)
import django
from django.core.wsgi import get_wsgi_application
from django.urls import path
from views import get_producer, place_order
urlpatterns = [path("orders", place_order)]
application = get_wsgi_application()
"""


@needs("django")
def test_the_view_of_django_publishes_after_the_commit(shop: Shop) -> None:
    (shop.folder / "wsgi.py").write_text(DJANGO)
    done = shop.code("""
import wsgi
from django.db import transaction
from django.test import RequestFactory
request = RequestFactory().post("/orders", {"order_id": "o-1", "amount": "12.50"})
print(wsgi.place_order(request).status_code)
try:
    with transaction.atomic():
        wsgi.place_order(RequestFactory().post("/orders", {"order_id": "o-2", "amount": "12.50"}))
        raise KeyError
except KeyError:
    pass
""")
    assert done.stdout.split() == ["202"]
    assert shop.orders == ["o-1"]


@needs("django", "gunicorn")
def test_workers_of_gunicorn_publish_with_a_producer_made_before_the_fork(shop: Shop) -> None:
    wsgi = DJANGO + "get_producer()\n"
    (shop.folder / "wsgi.py").write_text(wsgi)
    arguments = ["-m", "gunicorn", "--preload", "--workers", "2", "--bind", "unix:shop.sock", "wsgi:application"]
    with shop.started(*arguments):
        wait_until((shop.folder / "shop.sock").exists)
        shop.code("""
import http.client, socket
for number in range(6):
    connection = http.client.HTTPConnection("shop")
    connection.sock = socket.socket(socket.AF_UNIX)
    connection.sock.connect("shop.sock")
    head = {"Content-Type": "application/x-www-form-urlencoded"}
    connection.request("POST", "/orders", f"order_id=o-{number}&amount=12.50", head)
    assert connection.getresponse().status == 202
""")
    assert sorted(shop.orders) == [f"o-{number}" for number in range(6)]


@needs("gunicorn")
def test_a_worker_of_gunicorn_that_ends_waits_for_its_events(shop: Shop) -> None:
    (shop.folder / "wsgi.py").write_text("""
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from headrace.producers import EventProducer, PubSubPublisher
slow = partial(PubSubPublisher, batch_seconds=2)
producer = EventProducer.from_config(source="/shop", open_publisher=slow)
def application(environ, start_response):
    producer.publish("order_placed", {"order_id": "o-1", "placed_at": datetime.now(UTC), "amount": Decimal(1)})
    start_response("202 Accepted", [])
    return [b""]
""")
    with shop.started("-m", "gunicorn", "--preload", "--bind", "unix:shop.sock", "wsgi:application"):
        wait_until((shop.folder / "shop.sock").exists)
        shop.code("""
import http.client, socket
connection = http.client.HTTPConnection("shop")
connection.sock = socket.socket(socket.AF_UNIX)
connection.sock.connect("shop.sock")
connection.request("GET", "/")
assert connection.getresponse().status == 202
""")
        assert shop.orders == []
    assert shop.orders == ["o-1"]


def test_children_of_a_pool_publish_with_a_producer_made_before_the_fork(shop: Shop) -> None:
    shop.run("load.py")
    assert sorted(shop.orders) == sorted(f"o-{number}" for number in range(100))


@needs("celery")
def test_a_worker_of_celery_publishes_with_a_producer_made_before_the_fork(shop: Shop) -> None:
    shop.environment["CELERY_BROKER_URL"] = "filesystem://"
    (shop.folder / "queue").mkdir()
    folders = {name: str(shop.folder / "queue") for name in ("data_folder_in", "data_folder_out", "control_folder")}
    prepare = f"import tasks; tasks.app.conf.broker_transport_options = {json.dumps(folders)}\n"
    shop.code(prepare + "import enqueue, enqueue as again\nfrom importlib import reload\nreload(again)")
    worker = ["worker", "--pool", "prefork", "--concurrency", "1", "--without-gossip", "--without-mingle"]
    limit = "tasks.app.conf.worker_max_tasks_per_child = 1\n"  # so that two children publish
    with shop.started("-c", f"{prepare}{limit}tasks.app.worker_main({worker!r})"):
        wait_until(lambda: len(shop.orders) == 2)
    assert shop.orders == ["o-1", "o-1"]
    assert len({message.attributes["ce-id"] for message in shop.server.messages}) == 1


def test_a_process_that_is_frozen_between_requests_has_sent_all_before_and_goes_on_after(shop: Shop) -> None:
    code = """
import sys
from function import handle
for line in sys.stdin:
    print(handle({line.strip(): "12.50"}), flush=True)
"""
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        cwd=shop.folder,
        env=shop.environment,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdin
    assert process.stdout
    try:
        for number in range(3):
            process.stdin.write(f"o-{number}\n")
            process.stdin.flush()
            assert process.stdout.readline() == "done\n"
            process.send_signal(signal.SIGSTOP)
            assert shop.orders[-1] == f"o-{number}"
            process.send_signal(signal.SIGCONT)
        process.stdin.close()
        assert process.wait(SECONDS) == 0
    finally:
        process.kill()
        process.wait()
        process.stdout.close()
    assert shop.orders == ["o-0", "o-1", "o-2"]


ENDING = """
import signal, sys, time
from datetime import UTC, datetime
from decimal import Decimal
from functools import partial
from multiprocessing import get_context
from headrace.producers import EventProducer, PubSubPublisher

slow = partial(PubSubPublisher, batch_seconds=1)
producer = EventProducer.from_config(source="/shop", open_publisher=slow)


def publish(number):
    producer.publish("order_placed", {"order_id": f"o-{number}", "placed_at": datetime.now(UTC), "amount": Decimal(1)})


"""
HANDLER = re.search(r"`(signal\.signal\(.*?\))`", PAGE)


@pytest.mark.parametrize("handled", [True, False])
def test_a_script_that_handles_sigterm_as_the_page_says_loses_nothing(shop: Shop, handled: bool) -> None:
    assert HANDLER
    handler = HANDLER[1] if handled else ""
    wait = "publish(1)\nopen('ready', 'w').close()\ntime.sleep(60)\n"
    with shop.started("-c", f"{ENDING}{handler}\n{wait}"):
        wait_until((shop.folder / "ready").exists)
    assert shop.orders == (["o-1"] if handled else [])


@pytest.mark.parametrize("joined", [True, False])
def test_a_pool_must_be_joined_as_the_page_says(shop: Shop, joined: bool) -> None:
    join = "pool.close(); pool.join()" if joined else ""
    shop.code(f"{ENDING}with get_context('fork').Pool(2) as pool:\n    pool.map(publish, range(2)); {join}\n")
    assert sorted(shop.orders) == (["o-0", "o-1"] if joined else [])


def test_events_of_one_key_arrive_in_order(shop: Shop) -> None:
    shop.run("ordered.py")
    assert shop.orders == ["o-0", "o-1", "o-2"]
    assert {message.ordering_key for message in shop.server.messages} == {"customer-7"}


def test_reports_say_what_becomes_of_events(shop: Shop) -> None:
    done = shop.run("reports.py")
    assert done.stdout == "ProducerStats(accepted=1, confirmed=1, failed=0, refused=0)\n"
    shop.server.topics.clear()
    failing = shop.code("""
from headrace.producers import PublishError
try:
    import reports
except PublishError as error:
    print(error)
""")
    assert failing.stdout.startswith("1 event was not published (NotFound)")
    logged, reported = failing.stderr.splitlines()
    assert logged.endswith("order_placed: not published (NotFound); failed messages: 1; their futures have the error")
    assert reported.startswith("order_placed ")
    assert reported.endswith(": NotFound")


def test_prometheus_sees_the_metrics_of_the_page(shop: Shop) -> None:
    shown = "from prometheus_client import generate_latest; print(generate_latest().decode())"
    done = shop.code(f"from metrics import producer{PUBLISH}{shown}")
    assert 'headrace_producer_events_total{outcome="confirmed"} 1.0' in done.stdout
    for name in re.findall(r"`(headrace_producer_\w+)`", PAGE):
        assert f"\n{name}" in done.stdout


@needs("opentelemetry")
def test_a_span_goes_with_the_message(shop: Shop) -> None:
    set_up = """
from opentelemetry import trace
from opentelemetry.sdk.trace import TracerProvider
trace.set_tracer_provider(TracerProvider())
"""
    shop.code(f"{set_up}from traced import producer{PUBLISH}")
    assert re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-[0-9a-f]{2}", shop.server.messages[0].attributes["traceparent"])


def test_the_tests_of_the_page_pass(shop: Shop) -> None:
    tests = ["test_orders.py", *(["test_app.py"] if find_spec("fastapi") else [])]
    pytest_here = ["-m", "pytest", "-q", "-p", "no:cacheprovider", *tests]
    shop.run(*pytest_here, "--headrace-update-golden")
    assert "passed" in shop.run(*pytest_here).stdout
    golden = json.loads((shop.folder / "golden" / "order.json").read_text())
    assert golden[0]["fields"]["order_id"] == "o-1"


def test_a_tuned_producer_publishes(shop: Shop) -> None:
    shop.code(f"from tuned import producer{PUBLISH}")
    assert shop.orders == ["o-1"]


def test_the_defaults_are_those_of_the_page() -> None:
    rows = re.findall(r"^\| `(batch_\w+|max_\w+)` \| ([\d,.]+) ", PAGE, re.MULTILINE)
    assert {name: float(value.replace(",", "")) for name, value in rows} == {
        "batch_messages": limits.BATCH_MESSAGES,
        "batch_bytes": limits.BATCH_BYTES,
        "batch_seconds": limits.BATCH_SECONDS,
        "max_outstanding_messages": limits.MAX_OUTSTANDING_MESSAGES,
        "max_outstanding_bytes": limits.MAX_OUTSTANDING_BYTES,
    }


def test_every_error_of_the_sdk_is_on_the_page() -> None:
    own: Any = [getattr(headrace.producers, name) for name in headrace.producers.__all__]
    codes = {each.error_code for each in own if isinstance(each, type) and issubclass(each, HeadraceError)}
    codes |= set(re.findall(r"HR-2\d\d", (ROOT / "docs" / "errors.md").read_text()))
    assert codes <= set(re.findall(r"HR-\d{3}", PAGE.partition("## Errors")[2]))


def test_every_public_error_is_named() -> None:
    for name in headrace.producers.__all__:
        if name.endswith("Error"):
            assert f"`{name}`" in PAGE
