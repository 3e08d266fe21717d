"""Google's client for Go, built from ``benchmarks/go_client`` where there is Go."""

from __future__ import annotations

import base64
import json
import shutil
from collections.abc import Sequence
from pathlib import Path
from typing import Final

from headrace.core.message import Message
from headrace.core.resource_names import Names
from headrace.dev.bench.peers import BenchFailedError
from headrace.runtime.processes import run

SOURCE: Final = Path(__file__).parent / "go_client"
_USUAL: Final = "/usr/local/go/bin/go"


def build(folder: Path) -> Path | None:
    """Return the program, built into *folder*; None without Go."""
    go = shutil.which("go") or shutil.which(_USUAL)
    if go is None:
        return None
    program = folder / "go_client"
    built = run([go, "-C", str(SOURCE), "build", "-mod=readonly", "-o", str(program), "."])
    if built.returncode:
        raise BenchFailedError(f"benchmarks/go_client does not build; Go's last line: {built.stderr.strip()[-500:]}")
    return program


def publishing(program: Path, names: Names, subject: str, count: int, one: Message) -> Sequence[str]:
    """Return the command that publishes a message like *one* so many times."""
    content = {"data": base64.b64encode(one.data).decode(), "attributes": dict(one.attributes)}
    return [str(program), "publish", names.project, names.topic(subject), str(count), json.dumps(content)]


def receiving(program: Path, names: Names, subject: str, count: int) -> Sequence[str]:
    """Return the command that receives and acknowledges so many messages."""
    return [str(program), "receive", names.project, names.subscription(subject), str(count)]
