"""``headrace up``: run both emulators until Ctrl-C."""

from __future__ import annotations

from pathlib import Path

from headrace.dev.emulators import running_emulators
from headrace.runtime.processes import wait_for_interrupt
from headrace.util.output import say


def up_until_interrupted(directory: Path) -> None:
    """Start both emulators, print the variables to export on stdout, and stop the emulators on Ctrl-C or SIGTERM."""
    with running_emulators(directory) as emulators:
        lines = [f"export {name}={value}" for name, value in emulators.environment.items()]
        (directory / "emulators.env").write_text("\n".join(lines) + "\n")
        print("\n".join(lines), flush=True)  # noqa: T201 the command's data
        say(f"emulators are running; in another terminal: source {directory}/emulators.env")
        say("Ctrl-C stops them and deletes their data")
        wait_for_interrupt()
