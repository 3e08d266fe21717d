"""Run DAGs with ``dag.test()``: a JSON object of stdin says which and when, one on stdout what became of them.

``{"folder": ..., "buckets": ..., "arriving": ..., "command": [...], "template": [...], "runs": [...]}``; a run is
``{"dag": ..., "day": ..., "copy": {from: to}, "sql": [...]}``: files put into place and statements run before it.
"""

from __future__ import annotations

import copy
import json
import shutil
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

from airflow.dag_processing.dagbag import BundleDagBag
from airflow.serialization.definitions.dag import SerializedDAG
from airflow.utils.db import initdb
from airflow.utils.session import create_session
from boundary import Cloud, emulator, replaced


def main(given: dict[str, Any]) -> list[dict[str, Any]]:
    """Run each, in order; a failed run is a result like any other."""
    initdb()
    folder = given["folder"]
    bag = BundleDagBag(dag_folder=folder, bundle_path=Path(folder), bundle_name="dags-folder")
    cloud = Cloud(Path(given["buckets"]), Path(given["arriving"]), given["command"], given["template"])
    # dag.test() gives callbacks a DAG without templates; the DAG processor, which calls them in production, has them.
    SerializedDAG.get_template_env = lambda self, **how: bag.dags[self.dag_id].get_template_env(**how)
    with replaced(cloud):
        return [_run(bag.dags[each["dag"]], each, cloud) for each in given["runs"]]


def _run(dag: Any, given: dict[str, Any], cloud: Cloud) -> dict[str, Any]:
    for source, target in given.get("copy", {}).items():
        shutil.copy(source, target)
    for statement in given.get("sql", []):
        emulator("headrace-demo").query_and_wait(statement)
    for task in dag.tasks:
        for patience in ("poll_sleep", "polling_period_seconds", "poll_interval", "poke_interval"):
            if hasattr(task, patience):
                setattr(task, patience, 0.2)
    cloud.mails, cloud.waited_for = [], []
    moment = datetime.fromisoformat(given["day"]).replace(tzinfo=UTC) + timedelta(days=1, hours=6)
    kept = {name: getattr(dag, name) for name in ("on_success_callback", "on_failure_callback")}
    for name, callback in kept.items():  # a notifier fills its templates in once, and the DAG is parsed once here
        setattr(dag, name, copy.deepcopy(callback))
    run = dag.test(logical_date=moment)
    for name, callback in kept.items():
        setattr(dag, name, callback)
    with create_session() as session:
        states = {each.task_id: str(each.state) for each in run.get_task_instances(session=session)}
    return {
        "run_id": run.run_id,
        "state": str(run.state),
        "tasks": states,
        "mails": cloud.mails,
        "waited_for": cloud.waited_for,
    }


given, out = json.load(sys.stdin), sys.stdout
sys.stdout = sys.stderr  # Airflow logs there
result = main(given)
json.dump(result, out, default=str)
