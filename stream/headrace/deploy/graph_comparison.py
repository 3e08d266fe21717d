"""What an update would change of what a running job depends on. Values in, sentences out; no Beam."""

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
    """The text that is committed."""
    return json.dumps(graph, indent=1, sort_keys=True) + "\n"


def load(path: Path) -> Graph:
    """Read what `dump` wrote; raises GraphError when it is not that."""
    try:
        graph = json.loads(path.read_text("utf-8"))
    except (OSError, ValueError) as error:
        raise GraphError(f"{path}: holds no graph; write one with `headrace deploy plan --save {path}`") from error
    if not isinstance(graph, dict) or not isinstance(graph.get("steps"), dict) or "shards" not in graph:
        raise GraphError(f"{path}: holds no graph; write one with `headrace deploy plan --save {path}`")
    return graph


def any_subject(graph: Graph) -> Graph:
    """The same for whichever subjects: their branches are alike. No shards and keys: they are the operator's choice.

    >>> any_subject({"shards": 1, "steps": {"Read/Read[a]": {}, "Read/Read[b]": {}}})
    {'shards': None, 'steps': {'Read/Read[*]': {}}}
    """
    return {"shards": None, "steps": {_SUBJECT.sub("[*]", name): step for name, step in graph["steps"].items()}}


def compare(running: Graph, new: Graph) -> list[Change]:
    """Every difference that matters to a running job, the incompatible ones first."""
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
        "masking_key_version": ("tokens made from then on begin otherwise", True),
        "sealing": ("what waits cannot be opened", False),
    }
    return [
        Change("Keys", f"{_KEYS[name]}: {before[name]} became {after[name]}; {effect}", compatible)
        for name, (effect, compatible) in effects.items()
        if name in before and name in after and before[name] != after[name]
    ]


def renamed(graph: Graph, mapping: Mapping[str, str]) -> Graph:
    """*graph* as an update with that mapping sees it; a name stands for all that is within it, nothing for a step that
    is gone, which one with state may not be."""
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
    if before["does"] != after["does"]:
        changes.append(Change(label, f"does: {before['does']} became {after['does']}", False))
    old, new = dict(kept(before)), dict(kept(after))
    for name in old.keys() - new.keys():
        changes.append(Change(label, f"{name}: gone; what the running job keeps there would be lost", False))
    for name in new.keys() - old.keys():
        changes.append(Change(label, f"{name}: new, and empty in a running job", True))
    for name in old.keys() & new.keys():
        if old[name] != new[name]:
            changes.append(Change(label, f"{name}: {old[name]} became {new[name]}", False))
    return sorted(changes, key=lambda change: change.what)


def kept(step: Mapping[str, Any]) -> list[tuple[str, str]]:
    """What a running job depends on in *step*: outputs and state with their coders, timers. State that is numbered is
    one thing, for a ring of another size finds nothing where it was.

    >>> kept({"coders": {"None": "A", "late": "B"}, "states": {}, "timers": {"ts-go": "PROCESSING_TIME"}})
    [('output', 'A'), ('output late', 'B'), ('timer go', 'PROCESSING_TIME')]
    """
    outputs = [("output" if name == "None" else f"output {name}", coder) for name, coder in step["coders"].items()]
    states = [(f"state {name}", spec) for name, spec in _folded(step["states"])]
    timers = [(f"timer {name.removeprefix('ts-')}", domain) for name, domain in step["timers"].items()]
    return outputs + states + timers


def _folded(states: Mapping[str, str]) -> Iterator[tuple[str, str]]:
    """Names and specs, one for all names that differ in their number alone.

    >>> list(_folded({"head": "V", "page_00": "B", "page_01": "B", "page_02": "B"}))
    [('head', 'V'), ('page_00 to page_02', 'B')]
    """
    rings: dict[tuple[str, str], list[str]] = {}
    for name, spec in sorted(states.items()):
        rings.setdefault((_NUMBER.sub("", name), spec), []).append(name)
    for (_, spec), names in rings.items():
        yield names[0] if len(names) == 1 else f"{names[0]} to {names[-1]}", spec
