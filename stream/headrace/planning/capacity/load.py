"""The load of a job, and the machines that it runs on."""

from __future__ import annotations

import re
from dataclasses import dataclass

from headrace.planning.capacity.limits import CapacityError

_GIB_A_VCPU = {"highcpu": 1, "standard": 4, "highmem": 8}
_MACHINE = re.compile(r"^[a-z0-9]+-(highcpu|standard|highmem)-([0-9]+)$")


@dataclass(frozen=True, slots=True)
class Load:
    """The load of all *subjects* together.

    The share of the n-th busiest subject falls as n to the power of *skew*; with 0 all are equal. Ids are remembered
    for *remember_seconds*, in which a duplicate is found without the table. *stall_seconds* is an outage of BigQuery.
    """

    events_a_second: float
    event_bytes: float
    row_bytes: float
    subjects: int = 1
    skew: float = 1.0
    remember_seconds: float = 600.0
    stall_seconds: float = 600.0

    def shares(self) -> list[float]:
        """Return the share of each subject, the busiest first.

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
            CapacityError: the name does not tell the number of vCPUs and the memory.
        """
        found = _MACHINE.match(name)
        if not found or found[2] == "0":
            raise CapacityError(
                f"--machine-type {name}: unknown; use a type with vCPUs in its name, such as n2-standard-4"
            )
        vcpus = int(found[2])
        return cls(name, vcpus, vcpus * _GIB_A_VCPU[found[1]] * 2**30)
