"""The local broker, killed at random moments of what clients do, and started again on its file."""

from __future__ import annotations

import random
import threading
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from headrace.dev.pubsub_services import PubsubService
from tests.faults.servers import PubSub, a_pubsub

BEFORE_SECONDS: Final = 2.5  # a kill comes within so many seconds
AWAY_SECONDS: Final = 1.0  # a broker that was killed is away for at most so long before it is started
_PAUSE: Final = threading.Event()


class MortalBroker:
    """A broker that is killed at moments drawn from a seed. *kills* counts them."""

    def __init__(self, server: PubSub, thread: ThreadPoolExecutor, seed: int) -> None:
        self._server, self._thread = server, thread
        self._chance = random.Random(seed)
        self.kills = 0

    @property
    def address(self) -> str:
        return self._server.address

    def wait_until_back(self) -> None:
        """Wait until it listens."""
        while not self._server.answers():
            _PAUSE.wait(0.05)

    @contextmanager
    def killed_meanwhile(self) -> Iterator[None]:
        """Kill the broker once while the block runs, or soon after, and start it again. Then it is back."""
        death = self._thread.submit(self._die)
        try:
            yield
        finally:
            death.result()

    def _die(self) -> None:
        _PAUSE.wait(self._chance.uniform(0, BEFORE_SECONDS))
        self._server.kill()
        self.kills += 1
        _PAUSE.wait(self._chance.uniform(0, AWAY_SECONDS))
        self._server.start()


@contextmanager
def a_mortal_broker(folder: Path, seed: int) -> Iterator[MortalBroker]:
    """A broker of one's own, started."""
    # A child process ends with the thread that started it, so the thread is there as long as the broker.
    with ThreadPoolExecutor(1) as thread, a_pubsub(folder, PubsubService.BROKER) as server:
        yield MortalBroker(server, thread, seed)
