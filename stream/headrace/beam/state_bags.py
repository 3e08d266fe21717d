"""State of many bags as one argument. Beam passes only the state that a method's signature names."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from inspect import Parameter, signature
from typing import Any, Final

import apache_beam as beam
from apache_beam.coders import BytesCoder
from apache_beam.transforms.userstate import BagStateSpec

from headrace.beam.state import BagState

_PREFIX: Final = "page_"


def page_bag_specs(bags: int) -> Sequence[BagStateSpec]:
    """Return the specs of *bags* bags. The number must never change, because the state of a running job has it."""
    return [BagStateSpec(f"{_PREFIX}{number:02}", BytesCoder()) for number in range(bags)]


def with_page_bags(specs: Sequence[BagStateSpec]) -> Callable[[Callable[..., Any]], Callable[..., Any]]:
    """Pass the state of *specs* to a timer's method in its ``**`` arguments; :func:`in_page_order` sorts them.

    Each bag costs about 17 microseconds a bundle, even if it is not read, so ``process`` gets no bags.
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


def in_page_order(bags: dict[str, BagState]) -> list[BagState]:
    """Return the bags in the order of their numbers."""
    return [bags[name] for name in sorted(bags, key=lambda name: int(name.removeprefix(_PREFIX)))]
