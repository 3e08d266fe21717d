"""``headrace up``: run a local Pub/Sub and the BigQuery emulator until Ctrl-C."""

from __future__ import annotations

from pathlib import Path
from typing import Final

from headrace.dev.emulators import VARIABLES, running_emulators
from headrace.dev.local_folder import folder_in_use
from headrace.dev.pubsub_services import PubsubService
from headrace.runtime.processes import wait_for_interrupt
from headrace.util.output import say

_END: Final = {
    PubsubService.BROKER: "Ctrl-C stops them; topics and messages are kept, and tables are deleted",
    PubsubService.GOOGLE_EMULATOR: "Ctrl-C stops them and deletes their data",
}


def up_until_interrupted(directory: Path, pubsub: PubsubService) -> None:
    """Start both services, print the variables to export on stdout, and stop the services on Ctrl-C or SIGTERM."""
    with folder_in_use(directory), running_emulators(directory, pubsub) as emulators:
        lines = [f"export {name}={value}" for name, value in emulators.environment.items()]
        (directory / VARIABLES).write_text("\n".join(lines) + "\n")
        print("\n".join(lines), flush=True)  # noqa: T201 the command's data
        say(f"emulators are running; in another terminal: source {directory / VARIABLES}")
        say(_END[pubsub])
        wait_for_interrupt()
