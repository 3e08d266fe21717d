"""Compare the graphs of a running job and an update, without Beam."""

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
    """A file is not a graph."""


@dataclass(frozen=True, slots=True)
class GraphChange:
    """One difference; a running job can be updated in place when all differences are compatible."""

    step: str
    what: str
    compatible: bool


def dump(graph: Graph) -> str:
    """Return the text of a graph file."""
    return json.dumps(graph, indent=1, sort_keys=True) + "\n"


def load(path: Path) -> Graph:
    """Read a file that `dump` wrote. Raises GraphError for any other file."""
    try:
        graph = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise GraphError(f"{path}: not a graph; write one with `headrace deploy plan --save {path}`") from error
    if not isinstance(graph, dict) or not isinstance(graph.get("steps"), dict) or "shards" not in graph:
        raise GraphError(f"{path}: not a graph; write one with `headrace deploy plan --save {path}`")
    return graph


def any_subject(graph: Graph) -> Graph:
    """Return the graph of any one subject, because the branches of all subjects are alike.

    Leave out shards and keys, which users choose.

    >>> any_subject({"shards": 1, "steps": {"Read/Read[a]": {}, "Read/Read[b]": {}}})
    {'shards': None, 'steps': {'Read/Read[*]': {}}}
    """
    return {"shards": None, "steps": {_SUBJECT.sub("[*]", name): step for name, step in graph["steps"].items()}}


def compare(running: Graph, new: Graph) -> list[GraphChange]:
    """Return every difference that matters to a running job, the incompatible ones first."""
    changes = []
    if running["shards"] != new["shards"]:
        what = f"shards: {running['shards']} became {new['shards']}; ids are remembered by shard, so rows would double"
        changes.append(GraphChange("Write", what, False))
    changes += _keys(running.get("keys", {}), new.get("keys", {}))
    before, after = running["steps"], new["steps"]
    for label in sorted(before.keys() - after.keys()):
        changes.append(GraphChange(label, "label: gone; keep it, or give its new name with --rename", False))
    for label in sorted(after.keys() - before.keys()):
        changes.append(GraphChange(label, "label: new", True))
    for label in sorted(before.keys() & after.keys()):
        changes += _step(label, before[label], after[label])
    return sorted(changes, key=lambda change: change.compatible)


def _keys(before: Mapping[str, str], after: Mapping[str, str]) -> list[GraphChange]:
    effects = {
        "masking": ("tokens made from then on differ", True),
        "masking_key_version": ("tokens made from then on have another prefix", True),
        "sealing": ("waiting messages cannot be unsealed", False),
    }
    return [
        GraphChange("Keys", f"{_KEYS[name]}: {before[name]} became {after[name]}; {effect}", compatible)
        for name, (effect, compatible) in effects.items()
        if name in before and name in after and before[name] != after[name]
    ]


def renamed(graph: Graph, mapping: Mapping[str, str]) -> Graph:
    """Return *graph* with the labels of *mapping*; a label covers everything within it.

    An empty new label removes a step, but not one with state.
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


def _step(label: str, before: Mapping[str, Any], after: Mapping[str, Any]) -> list[GraphChange]:
    changes = []
    if before["transform"] != after["transform"]:
        changes.append(GraphChange(label, f"transform: {before['transform']} became {after['transform']}", False))
    old, new = dict(dependencies(before)), dict(dependencies(after))
    for name in old.keys() - new.keys():
        changes.append(GraphChange(label, f"{name}: gone; the running job's data there would be lost", False))
    for name in new.keys() - old.keys():
        changes.append(GraphChange(label, f"{name}: new, and empty in a running job", True))
    for name in old.keys() & new.keys():
        if old[name] != new[name]:
            changes.append(GraphChange(label, f"{name}: {old[name]} became {new[name]}", False))
    return sorted(changes, key=lambda change: change.what)


def dependencies(step: Mapping[str, Any]) -> list[tuple[str, str]]:
    """Return the parts of *step* on which a running job depends: outputs and state with their coders, and timers.

    Numbered states form one part, because with another number of bags the data is looked up in other bags.

    >>> dependencies({"coders": {"None": "A", "late": "B"}, "states": {}, "timers": {"ts-go": "PROCESSING_TIME"}})
    [('output', 'A'), ('output late', 'B'), ('timer go', 'PROCESSING_TIME')]
    """
    outputs = [("output" if name == "None" else f"output {name}", coder) for name, coder in step["coders"].items()]
    states = [(f"state {name}", spec) for name, spec in _folded(step["states"])]
    timers = [(f"timer {name.removeprefix('ts-')}", domain) for name, domain in step["timers"].items()]
    return outputs + states + timers


def _folded(states: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Yield names and specs, one for all names that differ only in their number.

    >>> list(_folded({"inbox": "V", "page_00": "B", "page_01": "B", "page_02": "B"}))
    [('inbox', 'V'), ('page_00 to page_02', 'B')]
    """
    groups: dict[tuple[str, str], list[str]] = {}
    for name, spec in sorted(states.items()):
        groups.setdefault((_NUMBER.sub("", name), spec), []).append(name)
    for (_, spec), names in groups.items():
        yield names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}", spec
