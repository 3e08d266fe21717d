"""Garbage collection for a program that makes many objects and hardly a cycle of them."""

from __future__ import annotations

import gc


def collect_less_often() -> None:
    """Look for garbage less often, and never among the objects that exist now.

    Imports make hundreds of thousands of objects that stay, and Python would look through them again and again, for a
    tenth of the time of a short command. A round of the engine makes thousands of lists and no cycles.
    """
    gc.freeze()
    gc.set_threshold(200_000, 50, 100)  # more than the imports of any command make
