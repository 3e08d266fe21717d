"""Processes that measure one thing each, and the environment that they inherit."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Any

from headrace.dev.bench.peers import BenchFailedError
from headrace.runtime.processes import python, run


def in_child(name: str, *arguments: str, **environment: str) -> Any:
    """Run the module *name* as a new process, and return the JSON that it prints.

    Raises:
        BenchFailedError: the process failed; its last line gives the reason.
    """
    done = run(python(name, *arguments), environment)
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["nothing"])[-1]
        raise BenchFailedError(
            f"{name} {' '.join(arguments)} exited with code {done.returncode}; its last line: {last}"
        )
    return json.loads(done.stdout)


@contextmanager
def environment_with(variables: Mapping[str, str]) -> Iterator[None]:
    """Set *variables* of this process, for its clients and its children; afterwards they are as before."""
    before = dict(os.environ)
    os.environ.update(variables)
    try:
        yield
    finally:
        os.environ.clear()
        os.environ.update(before)
