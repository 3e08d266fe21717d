"""Where the DAGs would talk to Google: the clients that Airflow's hooks open, replaced by what is at hand.

A bucket is a folder, whose files go to the storage emulator when a job is launched; a Dataflow job is what the image of
the template runs, and a Cloud Run execution ``headrace``, each as a process; BigQuery is the emulator.
Operators, hooks and triggers are Airflow's own.
"""

from __future__ import annotations

import os
import subprocess
import tempfile
import uuid
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from email import message_from_string
from email.header import decode_header, make_header
from pathlib import Path
from types import SimpleNamespace
from typing import Any
from unittest.mock import patch

from airflow.providers.google.cloud.hooks.bigquery import BigQueryHook
from airflow.providers.google.cloud.hooks.cloud_run import CloudRunAsyncHook, CloudRunHook
from airflow.providers.google.cloud.hooks.dataflow import AsyncDataflowHook, DataflowHook
from airflow.providers.google.cloud.hooks.gcs import GCSAsyncHook, GCSHook
from airflow.providers.smtp.hooks.smtp import SmtpHook
from google.auth.credentials import AnonymousCredentials
from google.cloud import bigquery, storage
from google.cloud.dataflow_v1beta3 import Job, JobState
from google.cloud.run_v2 import Execution
from google.cloud.run_v2 import Job as RunJob
from google.longrunning import operations_pb2


@dataclass
class Cloud:
    """*buckets*: a folder of folders. *arriving*: what is moved there once somebody waits for it."""

    buckets: Path
    arriving: Path
    command: list[str]
    template: list[str]
    processes: dict[str, subprocess.Popen[str]] = field(default_factory=dict)
    mails: list[str] = field(default_factory=list)
    waited_for: list[str] = field(default_factory=list)

    def start(self, *command: str) -> str:
        """Start a process; what it says is Airflow's log."""
        name = uuid.uuid4().hex
        place = tempfile.mkdtemp(prefix="headrace-dags-")  # as on a worker: nothing of an earlier run is there
        self.processes[name] = subprocess.Popen([*command], cwd=place, stdout=2, text=True)
        return name

    def exists(self, bucket: str, name: str) -> bool:
        return (self.buckets / bucket / name).exists()

    def arrives(self, bucket: str, name: str) -> bool:
        """Ask as somebody who has been told once that it is not there."""
        self.waited_for.append(name)
        source, target = self.arriving / bucket / name, self.buckets / bucket / name
        if source.exists():
            target.parent.mkdir(parents=True, exist_ok=True)
            source.rename(target)
        return target.exists()

    def upload(self, address: str) -> None:
        """Put an object where the job looks for it."""
        bucket, _, name = address.removeprefix("gs://").partition("/")
        storage.Client("test").bucket(bucket).blob(name).upload_from_filename(str(self.buckets / bucket / name))

    def launch(self, project: str, body: dict[str, Any]) -> dict[str, str]:
        """Do what the template's container does, but for the runner."""
        launched = body["launchParameter"]
        given = launched["parameters"]
        for name in {"files", "mapping"} & given.keys():
            self.upload(given[name])
        given |= {"runner": "FnApiRunner", "project": project}
        given |= {"temp_location": launched["environment"]["tempLocation"]}
        return {"id": self.start(*self.template, *(f"--{name}={value}" for name, value in given.items()))}

    def job_state(self, name: str) -> JobState:
        code = self.processes[name].poll()
        if code is None:
            return JobState.JOB_STATE_RUNNING
        return JobState.JOB_STATE_FAILED if code else JobState.JOB_STATE_DONE


class Storage:
    """Both of the clients for buckets, as far as a sensor needs them."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def bucket(self, name: str, **_: Any) -> Any:
        return SimpleNamespace(blob=lambda blob_name: _Blob(self._cloud, name, blob_name))

    def get_bucket(self, name: str) -> Any:
        async def blob_exists(blob_name: str) -> bool:
            return self._cloud.arrives(name, blob_name)

        return SimpleNamespace(blob_exists=blob_exists)


@dataclass
class _Blob:
    cloud: Cloud
    bucket: str
    name: str

    def exists(self, **_: Any) -> bool:
        return self.cloud.exists(self.bucket, self.name)


class Dataflow:
    """Both of the clients for Dataflow: the REST one, a chain of calls, and the asynchronous one."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def projects(self) -> Dataflow:
        return self

    locations = jobs = flexTemplates = projects  # noqa: N815 as Google names them

    def launch(self, *, projectId: str, body: dict[str, Any], **_: Any) -> Any:  # noqa: N803 as Google names it
        return _Request({"job": self._cloud.launch(projectId, body)})

    def get(self, *, jobId: str, **_: Any) -> Any:  # noqa: N803 as Google names it
        return _Request({"id": jobId, "currentState": self._cloud.job_state(jobId).name})

    async def get_job(self, request: Any) -> Job:
        return Job(id=request.job_id, current_state=self._cloud.job_state(request.job_id))


@dataclass
class _Request:
    answer: dict[str, Any]

    def execute(self, **_: Any) -> dict[str, Any]:
        return self.answer


class CloudRun:
    """The client that starts executions."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def run_job(self, request: Any) -> Any:
        (override,) = request.overrides.container_overrides
        name = self._cloud.start(*self._cloud.command, *override.args)
        metadata = SimpleNamespace(log_uri="")
        return SimpleNamespace(operation=SimpleNamespace(name=name), metadata=metadata)

    def get_job(self, request: Any) -> RunJob:
        return RunJob(name=request.name)


class CloudRunOperations:
    """The client that a trigger asks how they stand."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    async def get_operation(self, request: Any, **_: Any) -> operations_pb2.Operation:
        operation = operations_pb2.Operation(name=request.name)
        code = self._cloud.processes[request.name].poll()
        if code is None:
            return operation
        operation.done = True
        if code:
            operation.error.code, operation.error.message = 2, f"the container exited with {code}"
        else:
            operation.response.value = Execution.serialize(Execution(task_count=1, succeeded_count=1))
        return operation


class Mail:
    """The client that sends mail."""

    def __init__(self, cloud: Cloud) -> None:
        self._cloud = cloud

    def starttls(self, **_: Any) -> None:
        pass

    ehlo = close = starttls

    def sendmail(self, *, from_addr: str, to_addrs: list[str], msg: str) -> None:
        subject = str(make_header(decode_header(message_from_string(msg)["Subject"])))
        self._cloud.mails.append(f"{', '.join(to_addrs)}: {' '.join(subject.split())}")


def emulator(project: str | None, location: str | None = None) -> bigquery.Client:
    place = {"api_endpoint": os.environ["BIGQUERY_EMULATOR_HOST"]}
    return bigquery.Client(project, AnonymousCredentials(), location=location, client_options=place)


@contextmanager
def replaced(cloud: Cloud) -> Iterator[None]:
    """Within, hooks open these clients."""

    async def opened(client: Any) -> Any:
        return client

    with ExitStack() as stack:
        for hook, name, replacement in [
            (GCSHook, "get_conn", lambda self: Storage(cloud)),
            (GCSAsyncHook, "get_storage_client", lambda self, session: opened(Storage(cloud))),
            (DataflowHook, "get_conn", lambda self: Dataflow(cloud)),
            (AsyncDataflowHook, "initialize_client", lambda self, class_: opened(Dataflow(cloud))),
            (CloudRunHook, "get_conn", lambda self, **_: CloudRun(cloud)),
            (CloudRunAsyncHook, "get_conn", lambda self, **_: opened(CloudRunOperations(cloud))),
            (BigQueryHook, "get_client", lambda self, project_id=None, location=None: emulator(project_id, location)),
            (SmtpHook, "_build_client", lambda self: Mail(cloud)),
        ]:
            stack.enter_context(patch.object(hook, name, replacement))
        yield
