"""The changes that an update makes to what a running job depends on: pure functions, without Beam."""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from headrace.errors import Exit, HeadraceError

Graph = dict[str, Any]
GOLDEN: Final = Path(__file__).parent / "graph.json"
_SUBJECT: Final = re.compile(r"\[[^\]]*\]")
_KEYS: Final = {"masking": "masking key", "masking_key_version": "masking_key_version", "sealing": "sealing key"}
_NUMBER: Final = re.compile(r"[0-9]+$")


class GraphError(HeadraceError, ValueError, error_code="HR-403", exit_code=Exit.CONFIGURATION):
    """A file is not a job graph."""


@dataclass(frozen=True, slots=True)
class Change:
    """One difference; a running job can be updated in place when all of them are compatible."""

    step: str
    what: str
    compatible: bool


def dump(graph: Graph) -> str:
    """Write a graph as text, for a file."""
    return json.dumps(graph, indent=1, sort_keys=True) + "\n"


def load(path: Path) -> Graph:
    """Read the output of :func:`dump`; raises GraphError when the file is not a graph."""
    try:
        graph = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise GraphError(f"{path}: not a job graph; write one with `headrace deploy plan --save {path}`") from error
    if not isinstance(graph, dict) or not isinstance(graph.get("steps"), dict) or "shards" not in graph:
        raise GraphError(f"{path}: not a job graph; write one with `headrace deploy plan --save {path}`")
    return graph


def any_subject(graph: Graph) -> Graph:
    """Replace subjects by ``*``, because their branches are alike; drop shards and keys, which the operator chooses.

    >>> any_subject({"shards": 1, "steps": {"Read/Read[a]": {}, "Read/Read[b]": {}}})
    {'shards': None, 'steps': {'Read/Read[*]': {}}}
    """
    return {"shards": None, "steps": {_SUBJECT.sub("[*]", name): step for name, step in graph["steps"].items()}}


def compare(running: Graph, new: Graph) -> list[Change]:
    """Return the differences that matter to a running job, the incompatible ones first."""
    changes = []
    if running["shards"] != new["shards"]:
        what = f"shards: {running['shards']} became {new['shards']}; ids are remembered by shard, so rows would double"
        changes.append(Change("Write", what, False))
    changes += _keys(running.get("keys", {}), new.get("keys", {}))
    before, after = running["steps"], new["steps"]
    for label in sorted(before.keys() - after.keys()):
        changes.append(Change(label, "label: gone; keep it, or give its new name with --rename", False))
    for label in sorted(after.keys() - before.keys()):
        changes.append(Change(label, "label: new", True))
    for label in sorted(before.keys() & after.keys()):
        changes += _step(label, before[label], after[label])
    return sorted(changes, key=lambda change: change.compatible)


def _keys(before: Mapping[str, str], after: Mapping[str, str]) -> list[Change]:
    effects = {
        "masking": ("tokens made from then on differ", True),
        "masking_key_version": ("tokens made from then on have another prefix", True),
        "sealing": ("waiting messages cannot be unsealed", False),
    }
    return [
        Change("Keys", f"{_KEYS[name]}: {before[name]} became {after[name]}; {effect}", compatible)
        for name, (effect, compatible) in effects.items()
        if name in before and name in after and before[name] != after[name]
    ]


def renamed(graph: Graph, mapping: Mapping[str, str]) -> Graph:
    """Rename steps of *graph* as an update with that mapping does.

    A name covers all steps within it. An empty new name removes a step, unless it has state.
    """
    steps = {}
    for label, step in graph["steps"].items():
        new = _rename(label, mapping)
        if new or step["states"]:
            steps[new or label] = step
    return {**graph, "steps": steps}


def _rename(label: str, mapping: Mapping[str, str]) -> str:
    for old, new in mapping.items():
        if label == old or label.startswith(f"{old}/"):
            return new and new + label[len(old) :]
    return label


def _step(label: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[Change]:
    changes = []
    if before["transform"] != after["transform"]:
        changes.append(Change(label, f"transform: {before['transform']} became {after['transform']}", False))
    old, new = dict(dependencies(before)), dict(dependencies(after))
    for name in old.keys() - new.keys():
        changes.append(Change(label, f"{name}: gone; the running job would lose its content", False))
    for name in new.keys() - old.keys():
        changes.append(Change(label, f"{name}: new, and empty in a running job", True))
    for name in old.keys() & new.keys():
        if old[name] != new[name]:
            changes.append(Change(label, f"{name}: {old[name]} became {new[name]}", False))
    return sorted(changes, key=lambda change: change.what)


def dependencies(step: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return what a running job depends on in *step*: outputs and state with their coders, and timers.

    State with numbered names is one entry, because with another number of bags a job finds no page where it was.

    >>> dependencies({"coders": {"None": "A", "late": "B"}, "states": {}, "timers": {"ts-go": "PROCESSING_TIME"}})
    [('output', 'A'), ('output late', 'B'), ('timer go', 'PROCESSING_TIME')]
    """
    outputs = [("output" if name == "None" else f"output {name}", coder) for name, coder in step["coders"].items()]
    states = [(f"state {name}", spec) for name, spec in _folded(step["states"])]
    timers = [(f"timer {name.removeprefix('ts-')}", domain) for name, domain in step["timers"].items()]
    return outputs + states + timers


def _folded(states: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Return names and specs, with one entry for all names that differ only in their number.

    >>> list(_folded({"inbox": "V", "page_00": "B", "page_01": "B", "page_02": "B"}))
    [('inbox', 'V'), ('page_00 to page_02', 'B')]
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for name, spec in sorted(states.items()):
        groups.setdefault((_NUMBER.sub("", name), spec), []).append(name)
    for (_, spec), names in groups.items():
        yield names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}", spec
