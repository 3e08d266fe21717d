"""What comes in, and on what it runs."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headrace.planning.capacity.limits import ScaleError

_GIB_A_VCPU = {"highcpu": 1, "standard": 4, "highmem": 8}
_MACHINE = re.compile(r"^[a-z0-9]+-(highcpu|standard|highmem)-([0-9]+)$")


@dataclass(frozen=True, slots=True)
class Load:
    """*events_a_second* of all *subjects* together. The share of the n-th busiest subject falls as n to the power of
    *skew*; 0: all alike. *remember_seconds* is how long an event may come again and be found without a look at the
    table, *stall_seconds* how long BigQuery may take nothing."""

    events_a_second: float
    event_bytes: float
    row_bytes: float
    subjects: int = 1
    skew: float = 1.0
    remember_seconds: float = 600.0
    stall_seconds: float = 600.0

    def shares(self) -> list[float]:
        """The share of each subject, the busiest first.

        >>> Load(1.0, 1, 1, subjects=2, skew=1.0).shares()
        [0.6666666666666666, 0.3333333333333333]
        """
        weights = [1 / number**self.skew for number in range(1, self.subjects + 1)]
        return [weight / sum(weights) for weight in weights]

    @property
    def busiest(self) -> float:
        """Events a second of the busiest subject."""
        return self.events_a_second * self.shares()[0]


@dataclass(frozen=True, slots=True)
class Machine:
    """A machine type of Dataflow's workers."""

    name: str
    vcpus: int
    memory_bytes: int

    @classmethod
    def parse(cls, name: str) -> Machine:
        """Read ``n2-standard-4``: family, memory a vCPU, vCPUs.

        Raises:
            ScaleError: the name does not say how many vCPUs and how much memory it has.
        """
        found = _MACHINE.match(name)
        if not found or found[2] == "0":
            raise ScaleError(f"--machine-type {name}: not a type with vCPUs in its name, such as n2-standard-4")
        vcpus = int(found[2])
        return cls(name, vcpus, vcpus * _GIB_A_VCPU[found[1]] * 2**30)
