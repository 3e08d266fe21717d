"""What one round of torture does: which deaths in which order, which tables, and how often the broker is killed."""

from __future__ import annotations

import os
import random
from dataclasses import dataclass
from typing import Final

from headrace.runtime.failpoints import ENGINE
from tests.faults.replaced import EVERY, Blow

EVENTS: Final = int(os.environ.get("TORTURE_EVENTS", "1000000"))
KILLS: Final = int(os.environ.get("TORTURE_KILLS", "300"))
HITS: Final = int(os.environ.get("TORTURE_HITS", "20"))
TABLES: Final = int(os.environ.get("TORTURE_TABLES", "60"))
BROKER_KILLS: Final = int(os.environ.get("TORTURE_BROKER_KILLS", "300"))
ROUNDS: Final = int(os.environ.get("TORTURE_ROUNDS", "20"))
KILL: Final = "kill -9"
LIVES_ON: Final = "the broker killed under an engine that drains later"


@dataclass(frozen=True, slots=True)
class Plan:
    """One round. *deaths* are how engines end, in their order; *blows* what is done to tables.

    *shaken* are the numbers of slices of which the broker is killed while they are published or an engine runs.
    """

    number: int
    seed: int
    events: int
    deaths: tuple[str, ...]
    blows: tuple[Blow, ...]
    slices: int
    shaken: frozenset[int]

    def struck(self) -> dict[int, Blow]:
        """The blows by the number of their slice."""
        return {(place + 1) * self.slices // (len(self.blows) + 1): blow for place, blow in enumerate(self.blows)}


def plan_of(number: int, seed: int, *, kills_broker: bool) -> Plan:
    """Kills at random moments, every failpoint, tables, and the broker's own kills, half of them under an engine that
    drains later."""
    chance = random.Random(seed)
    broker_kills = BROKER_KILLS // ROUNDS if kills_broker else 0
    deaths = [KILL] * (KILLS // ROUNDS) + sorted(ENGINE) * (HITS // ROUNDS) + [LIVES_ON] * (broker_kills // 2)
    chance.shuffle(deaths)
    blows = [EVERY[place % len(EVERY)] for place in range((number - 1) * TABLES // ROUNDS, number * TABLES // ROUNDS)]
    chance.shuffle(blows)
    slices = len(deaths) * 3 // 2 + len(blows)
    plan = Plan(number, seed, EVENTS // ROUNDS, tuple(deaths), tuple(blows), slices, frozenset())
    calm = [place for place in range(slices) if place not in plan.struck()]
    shaken = frozenset(chance.sample(calm, broker_kills - broker_kills // 2))
    return Plan(number, seed, plan.events, plan.deaths, plan.blows, slices, shaken)
