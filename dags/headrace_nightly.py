"""Every night: do the counts reconcile, is what streams complete, and then tallies of past days in fewer lines."""

from __future__ import annotations

from datetime import UTC, datetime

from airflow.sdk import DAG, Param
from airflow.timetables.trigger import CronTriggerTimetable

from headrace_dags.parts import careful, check, headrace, table, told
from headrace_dags.settings import Settings, load_settings, seconds

_SETTINGS = load_settings()
_DURATION = r"^[0-9]+[hd]$"


def behind(settings: Settings, within: str) -> str:
    """Fail when a subject that streams has said too long ago that it is complete."""
    limit = f"TIMESTAMP_SUB(CURRENT_TIMESTAMP(), INTERVAL {seconds(within, 'nightly.complete_within')} SECOND)"
    return f"""
        SELECT IF(COUNT(*) > 0, ERROR(CONCAT('not complete: ', STRING_AGG(subject, ', '))), TRUE)
        FROM {table(settings, "headrace_completeness")}
        WHERE complete_until < {limit}
    """  # noqa: S608 names come from the settings


with DAG(
    "headrace_nightly",
    description="Audit, completeness, and compaction of the tallies",
    schedule=CronTriggerTimetable(_SETTINGS.nightly.schedule, timezone="UTC"),
    start_date=datetime(2026, 1, 1, tzinfo=UTC),
    catchup=False,
    max_active_runs=1,
    is_paused_upon_creation=True,
    default_args=careful(_SETTINGS),
    params={
        "since": Param(_SETTINGS.nightly.since, type="string", pattern=_DURATION, title="Audit event times since"),
        "older_than": Param(_SETTINGS.nightly.older_than, type="string", pattern=_DURATION, title="Compact older than"),
    },
    tags=["headrace"],
    **told(_SETTINGS),
) as headrace_nightly:
    audited = headrace(_SETTINGS, "audited", ["audit", "--since", "{{ params.since }}"])
    compacted = headrace(_SETTINGS, "compacted", ["tallies", "compact", "--older-than", "{{ params.older_than }}"])
    audited >> compacted
    if _SETTINGS.nightly.complete_within is not None:
        complete = check(_SETTINGS, "complete", behind(_SETTINGS, _SETTINGS.nightly.complete_within))
