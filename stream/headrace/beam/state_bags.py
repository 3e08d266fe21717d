"""Many bags as one argument: Beam gives a method the state that its signature names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from typing import Any, Final

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.transforms.userstate import BagStateSpec

from headrace.beam.state import Bag

_PREFIX: Final = "page_"


def ring_of(bags: int) -> Sequence[BagStateSpec]:
    """Specs of so many bags. Their number belongs to the state of a running job: it may never change."""
    return [BagStateSpec(f"{_PREFIX}{number:02}", BytesCoder()) for number in range(bags)]


def with_bags(specs: Sequence[BagStateSpec]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Let a timer's method have *specs* among its ``**`` arguments; :func:`in_ring` puts them in order.

    Each costs about 17 microseconds a bundle, read or not: so none of them belongs to ``process``.
    """

    def named(method: Callable[..., Any]) -> Callable[..., Any]:
        known = signature(method)
        parameters = [each for each in known.parameters.values() if each.kind is not Parameter.VAR_KEYWORD]
        parameters += [
            Parameter(spec.name, Parameter.POSITIONAL_OR_KEYWORD, default=beam.DoFn.StateParam(spec)) for spec in specs
        ]
        method.__signature__ = known.replace(parameters=parameters)  # type: ignore[attr-defined]
        return method

    return named


def in_ring(bags: dict[str, Bag]) -> list[Bag]:
    """What such a method was given, in order."""
    return [bags[name] for name in sorted(bags, key=lambda name: int(name.removeprefix(_PREFIX)))]
