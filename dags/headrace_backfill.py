"""A DAG for each file that comes every day: wait for it, load it, and see that the day is whole."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

from airflow.providers.google.cloud.operators.dataflow import DataflowStartFlexTemplateOperator
from airflow.providers.google.cloud.sensors.gcs import GCSObjectExistenceSensor
from airflow.sdk import DAG, task
from airflow.timetables.interval import CronDataIntervalTimetable

from headrace_dags.parts import careful, check, headrace, table, told
from headrace_dags.settings import Backfill, Settings, load_settings, seconds

DAY = "{{ data_interval_start | ds }}"


@task  # type: ignore[untyped-decorator] # where Airflow is not installed
def begun() -> str:
    """Say when, so that what the load refuses can be told from what was refused before."""
    return datetime.now(UTC).isoformat()


def launch(settings: Settings, feed: Backfill) -> dict[str, Any]:
    """The body of the launch request."""
    dataflow = settings.dataflow
    parameters = {"dataset": settings.dataset, "subject": feed.subject}
    parameters["files"] = f"gs://{feed.bucket}/{feed.file.format(day=DAY)}"
    if feed.mapping is not None:
        parameters["mapping"] = feed.mapping
    environment = {"serviceAccountEmail": dataflow.service_account, "tempLocation": dataflow.temp_location}
    return {
        "launchParameter": {
            "jobName": f"headrace-backfill-{feed.subject.replace('_', '-')}-{DAY}",
            "containerSpecGcsPath": dataflow.template,
            "parameters": parameters | dict(dataflow.parameters),
            "environment": environment | dict(dataflow.environment),
        }
    }


def refusals(settings: Settings, feed: Backfill, since: str) -> str:
    """Fail when lines were refused since a moment; the tallies say so, the audit by itself has nothing against it."""
    return f"""
        SELECT IF(SUM(events) > 0,
            ERROR(CONCAT(CAST(SUM(events) AS STRING), ' lines became dead letters: headrace dead-letters list')), TRUE)
        FROM {table(settings, "headrace_tallies")}
        WHERE subject = '{feed.subject}' AND outcome = 'dead_lettered' AND tallied_at >= TIMESTAMP('{since}')
    """  # noqa: S608 names come from the settings


def freshness(settings: Settings, feed: Backfill) -> str:
    """Fail when the day has too few rows, or none towards its end."""
    end = f"TIMESTAMP_ADD(TIMESTAMP('{DAY} 00:00:00+00'), INTERVAL 1 DAY)"
    within = seconds(feed.newest_within, "newest_within")
    return f"""
        SELECT IF(COUNT(*) >= {feed.least_rows} AND MAX(_event_time) >= TIMESTAMP_SUB({end}, INTERVAL {within} SECOND),
            TRUE, ERROR(CONCAT('{DAY} has ', CAST(COUNT(*) AS STRING), ' rows, the newest of ',
                IFNULL(CAST(MAX(_event_time) AS STRING), 'never'))))
        FROM {table(settings, feed.table)}
        WHERE _event_time >= TIMESTAMP('{DAY} 00:00:00+00') AND _event_time < {end}
    """  # noqa: S608 names come from the settings


def backfill(settings: Settings, feed: Backfill) -> DAG:
    """One run a day; one at a time, since two loads do not see each other. A bad day does not hold up the next."""
    with DAG(
        f"headrace_backfill_{feed.subject}",
        description=f"Loads the day's file of {feed.subject}",
        schedule=CronDataIntervalTimetable(feed.schedule, timezone="UTC"),
        start_date=feed.first_run,
        catchup=True,
        max_active_runs=1,
        is_paused_upon_creation=True,
        default_args=careful(settings),
        tags=["headrace"],
        **told(settings),
    ) as dag:
        arrived = GCSObjectExistenceSensor(
            task_id="arrived",
            bucket=feed.bucket,
            object=feed.file.format(day=DAY),
            google_cloud_conn_id=settings.google_conn_id,
            timeout=feed.wait_hours * 3600,
            retries=0,  # it has waited long enough
            deferrable=True,
        )
        since = begun()
        loaded = DataflowStartFlexTemplateOperator(
            task_id="loaded",
            project_id=settings.project,
            location=settings.region,
            body=launch(settings, feed),
            gcp_conn_id=settings.google_conn_id,
            deferrable=True,
        )
        audited = headrace(settings, "audited", ["audit", "--subject", feed.subject, "--since", DAY])
        nothing_refused = check(settings, "nothing_refused", refusals(settings, feed, str(since)))
        fresh = check(settings, "fresh", freshness(settings, feed))
        arrived >> since >> loaded >> [audited, nothing_refused, fresh]
    return dag


_SETTINGS = load_settings()
for _feed in _SETTINGS.backfill:
    globals()[f"headrace_backfill_{_feed.subject}"] = backfill(_SETTINGS, _feed)
