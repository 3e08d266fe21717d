"""Values that are computed when they are first read."""

from __future__ import annotations

import os
import threading
from dataclasses import dataclass

from headrace.schemas.lazy_value import lazy_value

SECONDS = 30.0


@dataclass(frozen=True)
class Circle:
    """Counts in *computed* how often its area was computed."""

    radius: int
    computed: list[int]

    @lazy_value
    def area(self) -> int:
        """About three times the square of the radius."""
        self.computed.append(1)
        return 3 * self.radius**2


def test_a_value_is_computed_when_it_is_first_read_and_never_again() -> None:
    circle = Circle(2, [])
    assert circle.computed == []
    assert [circle.area, circle.area] == [12, 12]
    assert circle.computed == [1]


def test_each_object_has_a_value_of_its_own() -> None:
    assert (Circle(1, []).area, Circle(2, []).area) == (3, 12)


def test_the_description_is_kept() -> None:
    assert vars(Circle)["area"].__doc__ == "About three times the square of the radius."


def test_a_child_that_forks_while_another_thread_computes_is_not_held_up() -> None:
    computing, may_end = threading.Event(), threading.Event()

    class Slow:
        @lazy_value
        def value(self) -> int:
            if threading.current_thread() is not threading.main_thread():
                computing.set()
                may_end.wait(SECONDS)
            return 7

    slow = Slow()
    thread = threading.Thread(target=lambda: slow.value)
    thread.start()
    assert computing.wait(SECONDS)
    pid = os.fork()
    if pid == 0:
        os._exit(slow.value)
    try:
        assert os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) == 7
    finally:
        may_end.set()
        thread.join()
