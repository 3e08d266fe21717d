"""The few kinds of task that all three DAGs are made of; official operators, deferrable, nothing of our own."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from typing import Any

from airflow.providers.google.cloud.operators.bigquery import BigQueryInsertJobOperator
from airflow.providers.google.cloud.operators.cloud_run import CloudRunExecuteJobOperator
from airflow.providers.smtp.notifications.smtp import SmtpNotifier

from headrace_dags.settings import Settings


def headrace(settings: Settings, task_id: str, arguments: Sequence[str]) -> CloudRunExecuteJobOperator:
    """Run a ``headrace`` command as a Cloud Run job; an exit code other than 0 fails the task."""
    given = [*arguments, "--project", settings.project, "--dataset", settings.dataset]
    return CloudRunExecuteJobOperator(
        task_id=task_id,
        project_id=settings.project,
        region=settings.region,
        job_name=settings.provision_job if arguments[0] == "provision" else settings.job,
        overrides={"container_overrides": [{"args": given}]},
        gcp_conn_id=settings.google_conn_id,
        deferrable=True,
    )


def check(settings: Settings, task_id: str, sql: str) -> BigQueryInsertJobOperator:
    """Run a query that ends in ``ERROR`` when it finds something.

    Not BigQueryCheckOperator: its trigger forgets the location, and finds no job outside of the US and the EU.
    """
    return BigQueryInsertJobOperator(
        task_id=task_id,
        project_id=settings.project,
        location=settings.location,
        configuration={"query": {"query": sql, "useLegacySql": False}},
        gcp_conn_id=settings.google_conn_id,
        deferrable=True,
    )


def told(settings: Settings) -> dict[str, Any]:
    """The callbacks of a DAG: who is told how a run ended."""
    notify = settings.notify
    if notify is None:
        return {}
    callbacks = {"on_failure_callback": _message(notify.to, notify.smtp_conn_id, "failed")}
    if notify.on_success:
        callbacks["on_success_callback"] = _message(notify.to, notify.smtp_conn_id, "succeeded")
    return callbacks


def careful(settings: Settings) -> dict[str, Any]:
    """The default arguments of every task."""
    return {"retries": settings.retries, "retry_delay": timedelta(minutes=settings.retry_minutes)}


def table(settings: Settings, name: str) -> str:
    """A table as SQL names it."""
    return f"`{settings.project}.{settings.dataset}.{name}`"


def _message(to: Sequence[str], conn_id: str, how: str) -> SmtpNotifier:
    return SmtpNotifier(
        smtp_conn_id=conn_id,
        to=list(to),
        subject="{{ dag.dag_id }} " + how + ": {{ run_id }}",
        html_content="<p>{{ dag.dag_id }} " + how + ", run {{ run_id }}. What to do: docs/schedules.md</p>",
    )
