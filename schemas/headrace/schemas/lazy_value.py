"""Value of an object that is computed when it is first read."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Generic, TypeVar

T = TypeVar("T")


class lazy_value(Generic[T]):  # noqa: N801 a decorator
    """Property that is computed when it is first read, and then kept: ``functools.cached_property`` without its lock.

    Before Python 3.12, that has a lock. In a child that forks while another thread computes, nobody would release it.
    Threads that read for the first time at once may each compute the value.
    """

    def __init__(self, compute: Callable[[Any], T]) -> None:
        self._compute = compute
        self._name = compute.__name__
        self.__doc__ = compute.__doc__

    def __get__(self, instance: object, owner: type) -> T:
        value = self._compute(instance)
        instance.__dict__[self._name] = value  # found first from now on
        return value
