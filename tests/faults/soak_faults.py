"""The faults of a soak: each is done to a running engine, lasts some seconds, and is repaired before the next."""

from __future__ import annotations

import random
import threading
from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Final

from tests.faults.places import Places
from tests.faults.proxy import Proxy
from tests.faults.world import World

_PAUSE: Final = threading.Event()


@dataclass(frozen=True, slots=True)
class Scene:
    """What faults are done to: the engine is the newest of *world*, and reaches everything through the proxies."""

    world: World
    pubsub: Proxy
    rest: Proxy
    grpc: Proxy

    @property
    def route(self) -> Places:
        return replace(self.world.places, pubsub=self.pubsub.address, rest=self.rest.address, grpc=self.grpc.address)


def cut_bigquery(scene: Scene) -> None:
    scene.grpc.cut()


def half_open_bigquery(scene: Scene) -> None:
    scene.grpc.half_open()
    scene.rest.half_open()
    _PAUSE.wait(10)
    scene.grpc.heal()
    scene.rest.heal()


def swallow_answers(scene: Scene) -> None:
    scene.grpc.swallow_answers = True
    _PAUSE.wait(5)
    scene.grpc.heal()


def truncate_answer(scene: Scene) -> None:
    scene.grpc.truncate_after = 20  # within the frame of an answer
    _PAUSE.wait(2)
    scene.grpc.heal()


def delay_answers(scene: Scene) -> None:
    scene.grpc.delay = 0.3
    _PAUSE.wait(10)
    scene.grpc.heal()


def refuse_bigquery(scene: Scene) -> None:
    for proxy in (scene.grpc, scene.rest):
        proxy.refusing = True
        proxy.cut()
    _PAUSE.wait(15)
    scene.grpc.heal()
    scene.rest.heal()


def cut_pubsub(scene: Scene) -> None:
    scene.pubsub.cut()
    scene.world.mourn()  # what was on its way comes again, and a letter whose receipt was lost is published again


def refuse_pubsub(scene: Scene) -> None:
    scene.pubsub.refusing = True
    scene.pubsub.cut()
    _PAUSE.wait(10)
    scene.pubsub.heal()
    scene.world.mourn()


def stop_for_a_while(scene: Scene) -> None:
    engine = scene.world.engines[-1]
    engine.pause()
    _PAUSE.wait(8)
    engine.resume()


def take_dead_letters_away(scene: Scene) -> None:
    """The engine is stopped meanwhile: a letter between the topic and its subscription would be lost."""
    world, engine = scene.world, scene.world.engines[-1]
    engine.pause()
    world.collect_letters()
    world.take_dead_letters_away()
    engine.resume()
    _PAUSE.wait(10)
    engine.pause()
    world.provision()
    engine.resume()


def kill_and_restart(scene: Scene) -> None:
    scene.world.kill(scene.world.engines[-1])
    scene.world.start()


def drain_and_restart(scene: Scene) -> None:
    engine = scene.world.engines[-1]
    assert engine.drain(60) == 0, engine.tail()
    scene.world.start()


Fault = Callable[[Scene], None]
LASTING: Final[dict[str, Fault]] = {
    "connections to BigQuery cut": cut_bigquery,
    "BigQuery half-open for 10 s": half_open_bigquery,
    "answers of appends swallowed for 5 s": swallow_answers,
    "an answer of BigQuery truncated": truncate_answer,
    "everything to BigQuery delayed for 10 s": delay_answers,
    "BigQuery refuses connections for 15 s": refuse_bigquery,
    "connections to Pub/Sub cut": cut_pubsub,
    "Pub/Sub refuses connections for 10 s": refuse_pubsub,
    "engine stopped for 8 s": stop_for_a_while,
    "dead-letter topic away for 10 s": take_dead_letters_away,
}
ENDINGS: Final[dict[str, Fault]] = {  # the process is another one afterwards: early, so that one grows old
    "engine killed": kill_and_restart,
    "engine drained and restarted": drain_and_restart,
}
FAULTS: Final = LASTING | ENDINGS


def drawn(seed: int, count: int, early: int) -> list[str]:
    """Names of so many faults in an order of the seed's; the process ends only among the *early* first ones.

    >>> names = drawn(7, 60, early=10)
    >>> len(names), set(names) == set(FAULTS), set(names[10:]) & set(ENDINGS)
    (60, True, set())
    """
    chance = random.Random(seed)
    names: list[str] = []
    while len(names) < count:
        names += chance.sample(list(LASTING), len(LASTING))
    for place, name in zip(chance.sample(range(early), min(early, len(ENDINGS))), ENDINGS, strict=False):
        names[place] = name
    return names[:count]
