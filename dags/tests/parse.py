"""Parse every DAG as Airflow does, and print what it found as JSON: ``python parse.py FOLDER``.

Airflow's own modules warn when they are imported, and are imported first; what then warns is ours, and is an error.
"""

from __future__ import annotations

import json
import sys
import warnings
from pathlib import Path

import airflow.providers.google.cloud.operators.bigquery
import airflow.providers.google.cloud.operators.cloud_run
import airflow.providers.google.cloud.operators.dataflow
import airflow.providers.google.cloud.sensors.gcs
import airflow.providers.smtp.notifications.smtp  # noqa: F401
from airflow.dag_processing.dagbag import BundleDagBag


def main(folder: Path) -> None:
    """Print errors, warnings, and each DAG's tasks with what they wait for."""
    bag = BundleDagBag(dag_folder=folder, bundle_path=folder, bundle_name="headrace", collect_dags=False)
    with warnings.catch_warnings():
        for path in sorted(folder.glob("*.py")):
            warnings.simplefilter("error")
            bag.process_file(str(path))
    dags = {
        name: {task.task_id: sorted(task.upstream_task_ids) for task in dag.tasks} for name, dag in bag.dags.items()
    }
    deferrable = all(getattr(task, "deferrable", True) for dag in bag.dags.values() for task in dag.tasks)
    found = {"errors": bag.import_errors, "warnings": bag.captured_warnings, "dags": dags, "deferrable": deferrable}
    print(json.dumps(found, default=str))


main(Path(sys.argv[1]).resolve())
