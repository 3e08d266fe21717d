"""``headrace run``: run the job on the embedded engine."""

from __future__ import annotations

import threading
from collections.abc import Mapping
from contextlib import AbstractContextManager, nullcontext
from functools import partial
from typing import Final

import structlog

from headrace.config.settings import Settings
from headrace.engine.build import build_engine
from headrace.engine.health import serving_health
from headrace.engine.journal import Journal
from headrace.engine.report import Reporter
from headrace.engine.status_socket import serving_status
from headrace.job import held_key, job_for
from headrace.runtime.clock import now_micros
from headrace.runtime.garbage import collect_less_often
from headrace.runtime.logs import set_up_logs, warn_of_fallback
from headrace.runtime.processes import stop_on_signals
from headrace.runtime.reachability import JOB, UnreachableError, reach
from headrace.schemas.columns import decoder_kind
from headrace.schemas.errors import ContractError
from headrace.schemas.registry import Registry
from headrace.status.run_display import displaying

AWAY_SECONDS: Final = 2.0
_LOG = structlog.get_logger("headrace")


def run_until_stopped(settings: Settings) -> None:
    """Run until SIGTERM or Ctrl-C, then drain: write and acknowledge the messages that were pulled."""
    set_up_logs(settings.log_format)
    warn_of_fallback()
    registry = _contracts(settings)
    key = held_key(settings, map(registry.latest, registry.subjects))
    job = job_for(settings, registry, key, now_micros)
    engine = build_engine(settings, job, Journal.open(settings.journal), partial(_contracts, settings))
    reporter = Reporter(engine, now_micros())
    stop_on_signals(engine.stop)
    collect_less_often()
    details = {
        "into": f"{settings.project}.{settings.dataset}",
        "journal": str(settings.journal),
        "decoder": decoder_kind(),
    }
    threading.Thread(target=_log_unreachable, name="reachability", daemon=True).start()  # nothing waits for its result
    with (
        serving_health(settings.health, engine.status, settings.pipeline),
        serving_status(engine, reporter),
        _collecting(settings),
        displaying(reporter.report, settings.names, str(settings.journal)),
    ):
        _LOG.info("running", subjects=job.registry.subjects, **details)
        engine.run()
    _LOG.info("drained", events=engine.progress.acknowledged)


def _contracts(settings: Settings) -> Registry:
    """Load the contracts; an invalid one, or one whose function is not installed, blocks only its subject."""
    registry = settings.serviceable_registry()
    return registry.blocking(_missing_functions(registry))


def _missing_functions(registry: Registry) -> Mapping[str, ContractError]:
    """Return, by subject, why its transformations cannot be run."""
    if not any(registry.latest(subject).transformations.in_the_job for subject in registry.subjects):
        return {}
    from headrace.steps.transform import missing_functions  # imports Arrow's functions

    return missing_functions(registry)


def _collecting(settings: Settings) -> AbstractContextManager[None]:
    """Collect dead letters meanwhile, if there is a key for them; otherwise another process collects them."""
    if settings.archive_key_file is None:
        return nullcontext()
    from headrace.console.archive_access import collecting

    return collecting(settings)


def _log_unreachable() -> None:
    """Log the services that do not answer; the engine waits for them."""
    for service in JOB:
        try:
            reach(service, seconds=AWAY_SECONDS)
        except UnreachableError as error:
            _LOG.warning("waiting", needs=str(error))
