"""``headrace up``: run a local Pub/Sub and the BigQuery emulator until Ctrl-C."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from headrace.dev.emulators import PORTS, VARIABLES, running_emulators
from headrace.dev.local_folder import folder_in_use
from headrace.dev.pubsub_services import PubsubService
from headrace.runtime.processes import wait_for_interrupt
from headrace.util.output import say

_END: Final = {
    PubsubService.BROKER: "Ctrl-C stops them; topics and messages are kept, and tables are deleted",
    PubsubService.GOOGLE_EMULATOR: "Ctrl-C stops them and deletes their data",
}


def up_until_interrupted(directory: Path, pubsub: PubsubService) -> None:
    """Start both services, print the variables to export on stdout, and stop the services on Ctrl-C or SIGTERM.

    While they run, ``emulators.env`` in *directory* has the variables. They get the ports of the last start again if
    these are free.
    """
    ports, file = directory / PORTS, directory / VARIABLES
    with folder_in_use(directory), running_emulators(directory, pubsub, _read_ports(ports)) as emulators:
        lines = [f"export {name}={value}" for name, value in emulators.environment.items()]
        ports.write_text(" ".join(each.rpartition(":")[2] for each in emulators.environment.values()))
        file.write_text("\n".join(lines) + "\n")
        try:
            print("\n".join(lines), flush=True)  # noqa: T201 the command's data
            say(f"emulators are running; in another terminal: source {file}")
            say(_END[pubsub])
            wait_for_interrupt()
        finally:
            file.unlink(missing_ok=True)


def _read_ports(file: Path) -> list[int]:
    try:
        return [int(each) for each in re.findall(r"\b[0-9]{1,5}\b", file.read_text("utf-8", "replace"))]
    except FileNotFoundError:
        return []
