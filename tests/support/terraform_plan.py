"""Plans a copy of the configuration in which built-in resources stand for Google's: no provider, no account.

Each becomes a ``terraform_data`` that holds what it was given, so that Terraform evaluates every expression, repetition
and order. What Google would make of it is not seen.
"""

from __future__ import annotations

import json
import re
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

from tests.support.terraform import FOLDER, READ, Block, text_of

_REFERENCE: Final = re.compile(
    r"\b(data\.)?(google_\w+)\.(\w+)(?P<index>\[[^\[\]]*(?:\[[^\]]*\])?[^\[\]]*\])?(?P<attribute>\.\w+)?"
)
_LOOP: Final = re.compile(r"for (?:\w+, )?(\w+) in google_")
_KEPT: Final = re.compile(r"^(?:variable|locals|output)\b.*?^\}", re.M | re.S)


def planned(folder: Path, values: Mapping[str, Any]) -> dict[str, Any]:
    """What would be made: the address of each resource, such as ``google_pubsub_topic.subjects["s"]``, and its inputs.

    Raises:
        AssertionError: Terraform refuses; with what it says.
    """
    for path in FOLDER.glob("*.tf"):
        (folder / path.name).write_text("\n\n".join(map(_replaced, _KEPT.findall(path.read_text()))))
    for path in FOLDER.glob("*.sql"):
        (folder / path.name).write_text(path.read_text())
    (folder / "resources.tf.json").write_text(
        json.dumps({"resource": {"terraform_data": {_name(each): _stand_in(each) for each in READ.blocks}}})
    )
    (folder / "terraform.tfvars.json").write_text(json.dumps(values))
    _terraform(folder, "init", "-input=false")
    _terraform(folder, "plan", "-input=false", "-out=plan")
    shown = json.loads(_terraform(folder, "show", "-json", "plan"))
    return {_address(each): each["values"]["input"] for each in shown["planned_values"]["root_module"]["resources"]}


def _terraform(folder: Path, *arguments: str) -> str:
    done = subprocess.run(
        ["terraform", *arguments, "-no-color"], cwd=folder, capture_output=True, text=True, timeout=120
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def _name(block: Block) -> str:
    return block.address.replace(".", "__")


def _address(resource: Mapping[str, Any]) -> str:
    index = f"[{json.dumps(resource['index'])}]" if "index" in resource else ""
    return str(resource["name"]).replace("__", ".") + index


def _stand_in(block: Block) -> dict[str, Any]:
    given = {name: _value(value) for name, value in block.body.items() if not name.startswith("__")}
    kept: dict[str, Any] = {name: given.pop(name) for name in ("for_each", "count") if name in given}
    kept["depends_on"] = [each.removeprefix("${").removesuffix("}") for each in given.pop("depends_on", [])]
    given.pop("lifecycle", None)
    for repeated in given.pop("dynamic", []):
        given |= {f"{name}, repeated": body["for_each"] for name, body in repeated.items()}
    made = {name: f"{block.address}.{name}" for name in block.schema["attributes"] if name not in given}
    return {**kept, "input": {**made, **given}}


def _value(value: Any) -> Any:
    match value:
        case dict():
            return {text_of(name): _value(each) for name, each in value.items() if not name.startswith("__")}
        case list():
            return [_value(each) for each in value]
        case str():
            return _replaced(text_of(value))
        case _:
            return value


def _replaced(text: str) -> str:
    """*text* with stand-ins in place of Google's resources."""
    loops = _LOOP.findall(text)

    def stand_in(found: re.Match[str]) -> str:
        name = "__".join(part.strip(".") for part in found.groups()[:3] if part)
        attribute = found["attribute"] or ""
        return f"terraform_data.{name}{found['index'] or ''}{'.input' if attribute else ''}{attribute}"

    text = _REFERENCE.sub(stand_in, text)
    for variable in loops:
        text = re.sub(rf"\b{variable}\.(\w+)", rf"{variable}.input.\1", text)
    return text
