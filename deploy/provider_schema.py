"""What Google's Terraform provider takes, for the kinds of resource in use, read from its TypeScript declarations.

``npm pack @cdktf/provider-google`` brings them, where no Terraform can be had; unpack it, then
``python -m deploy.provider_schema <folder> > tests/support/google_provider.json``.
"""

from __future__ import annotations

import json
import re
import sys
from pathlib import Path
from typing import Any, Final

from deploy.permissions import ROOT

_INTERFACE: Final = re.compile(r"^export interface (\w+)[^{]*\{\n(.*?)^\}", re.M | re.S)
_FIELD: Final = re.compile(
    r"/\*\*(?P<doc>(?:(?!\*/).)*?)\*/\s+readonly (?P<name>\w+)(?P<optional>\??): (?P<type>\w+)?", re.S
)
_GETTER: Final = re.compile(r"^    get (\w+)\(\)", re.M)


def schema_of(declarations: str) -> dict[str, Any]:
    """Arguments and blocks of one kind of resource, and what else can be read from it."""
    interfaces = dict(_INTERFACE.findall(declarations))
    config = next(iter(interfaces))
    described = _block(interfaces, config)
    names = {_snake(name) for name in _GETTER.findall(_class(declarations))}
    described["attributes"] = sorted(name for name in names if not name.endswith("_input"))
    return described


def _block(interfaces: dict[str, str], name: str) -> dict[str, Any]:
    found: dict[str, Any] = {"required": [], "optional": [], "blocks": {}}
    for field in _FIELD.finditer(interfaces[name]):
        argument = re.search(r"#(\w+) \w+#\w+\}", field["doc"])
        terraform = argument[1] if argument else _snake(field["name"])
        if terraform in ("id", "timeouts"):
            continue
        if f"{terraform} block" in field["doc"] and field["type"] in interfaces:
            found["blocks"][terraform] = _block(interfaces, field["type"])
        found["optional" if field["optional"] else "required"].append(terraform)
    return {key: value for key, value in found.items() if value}


def _class(declarations: str) -> str:
    """The last class is the resource's own; those before are of its blocks."""
    return declarations.rpartition("\nexport declare class ")[2]


def _snake(name: str) -> str:
    return re.sub(r"([A-Z])", lambda found: "_" + found[1].lower(), name)


def kinds_in_use() -> set[tuple[str, str]]:
    """Every (resource or data, kind) of ours."""
    text = "".join(path.read_text() for path in sorted((ROOT / "deploy/terraform").glob("*.tf")))
    return set(re.findall(r'^(resource|data) "google_(\w+)"', text, re.M))


def main(package: Path) -> None:
    """Print the schema of the kinds in use."""
    version = re.search(r"/providers/hashicorp/google/([\d.]+)/", (package / "lib/pubsub-topic/index.d.ts").read_text())
    found: dict[str, Any] = {"provider": version[1] if version else "unknown"}
    for what, kind in sorted(kinds_in_use()):
        folder = ("data-google-" if what == "data" else "") + kind.replace("_", "-")
        found[f"{what} google_{kind}"] = schema_of((package / "lib" / folder / "index.d.ts").read_text())
    lines = (f"{json.dumps(name)}: {json.dumps(said)}" for name, said in found.items())
    print("{\n" + ",\n".join(lines) + "\n}")  # noqa: T201


if __name__ == "__main__":
    main(Path(sys.argv[1]))
