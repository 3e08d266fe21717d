"""Publish contracts: what they need is planned, and then made. Started by whoever releases an image."""

from __future__ import annotations

from airflow.sdk import DAG

from headrace_dags.parts import careful, headrace, told
from headrace_dags.settings import load_settings

_SETTINGS = load_settings()

with DAG(
    "headrace_schema_publish",
    description="Topics, subscriptions, tables and columns as the image's contracts want them",
    schedule=None,
    max_active_runs=1,
    is_paused_upon_creation=True,
    default_args=careful(_SETTINGS),
    tags=["headrace"],
    **told(_SETTINGS),
) as headrace_schema_publish:
    planned = headrace(_SETTINGS, "planned", ["provision", "--dry-run"])
    published = headrace(_SETTINGS, "published", ["provision"])
    planned >> published
