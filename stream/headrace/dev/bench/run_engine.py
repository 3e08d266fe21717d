"""Embedded engine as ``headrace run`` runs it, with ticks.

``python -m headrace.dev.bench.run_engine <subject> <total>``. Settings come from the environment. It drains at SIGTERM,
and with ``stop`` as the third argument when all messages are done. *subject* may be ``all``.
"""

from __future__ import annotations

import sys
from functools import partial
from typing import Final

from headrace.config.key_files import read_masking_key
from headrace.config.secrets import HeldKey
from headrace.config.settings import load_settings
from headrace.dev.bench.ticks import Ticker
from headrace.engine.build import build_engine
from headrace.engine.embedded import Progress
from headrace.engine.journal import Journal
from headrace.job import job_for
from headrace.runtime.clock import now_micros
from headrace.runtime.garbage import collect_less_often
from headrace.runtime.logs import set_up_logs
from headrace.runtime.processes import run_program, stop_on_signals
from headrace.schemas.registry import Registry

ALL: Final = "all"


def main(subject: str, total: int, stop: bool = False) -> None:
    """Run until SIGTERM."""
    settings = load_settings()
    set_up_logs(settings.log_format)
    registry = Registry({each.ref: each for each in settings.registry() if subject in (each.subject, ALL)})
    job = job_for(settings, registry, HeldKey(read_masking_key(settings.masking_key_file)), now_micros)
    engine = build_engine(settings, job, Journal.open(settings.journal))
    ticker = Ticker(total)

    def tick(progress: Progress) -> None:
        if ticker.reach(progress.acknowledged) and stop:
            engine.stop.set()

    engine.on_progress = tick
    stop_on_signals(engine.stop)
    collect_less_often()
    engine.run()


if __name__ == "__main__":
    run_program(partial(main, sys.argv[1], int(sys.argv[2]), sys.argv[3:] == ["stop"]))
