"""The entry point of Dataflow's launcher in the image.

The template's parameters become settings; all other arguments are Beam's. A launch with files is a backfill; any other
launch is a streaming job.
"""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence
from typing import NamedTuple

import apache_beam as beam
from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from headrace.config.settings import Settings, load_settings
from headrace.deploy.dataflow_flags import BATCH, SECRETS, STREAMING
from headrace.deploy.flex_template import BACKFILL_PARAMETERS, GIVEN, OPTIONAL, PARAMETERS
from headrace.deploy.submit import backfill_pipeline_for, pipeline_for, submit
from headrace.runtime.exit_codes import explain
from headrace.util.output import say


class Launch(NamedTuple):
    """The arguments of a launch; *given* has those of a backfill by name, and is empty for a streaming job."""

    settings: Settings
    flags: list[str]
    given: dict[str, str | None]


def main() -> None:
    """Describe the job to the launcher that started this process, which then starts it."""
    try:
        job = submit(_pipeline(read_arguments(sys.argv[1:])))
    except Exception as error:  # the outermost handler: the launcher's log shows a sentence
        code, sentence = explain(error)
        say(f"headrace: {sentence}")
        sys.exit(code)
    say(f"submitted: {job}" if job else "described; the launcher starts it")


def read_arguments(arguments: Sequence[str]) -> Launch:
    """Read the launcher's arguments: settings, Beam's flags, and the parameters of a backfill.

    Raises:
        SettingsError: a parameter is invalid.
        SystemExit: a required parameter is missing; argparse has printed its name.
    """
    backfills = any(each.partition("=")[0] == "--files" for each in arguments)
    names, asked = (BACKFILL_PARAMETERS, GIVEN) if backfills else (PARAMETERS, {})
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in names:
        parser.add_argument(f"--{name}")
    for name in (*SECRETS, *asked):
        parser.add_argument(f"--{name}", required=name not in OPTIONAL)
    parsed, flags = parser.parse_known_args(arguments)
    project = PipelineOptions(flags).view_as(GoogleCloudOptions).project
    given = {name: getattr(parsed, name) for name in names}
    secrets = {name: getattr(parsed, name) for name in SECRETS}
    settings = load_settings(project=project, dataflow=secrets, **given)
    always = BATCH if backfills else STREAMING
    return Launch(settings, [*flags, *always], {name: getattr(parsed, name) for name in asked})


def _pipeline(launch: Launch) -> beam.Pipeline:
    subject, files, mapping = (launch.given.get(name) for name in GIVEN)
    if subject is None or files is None:
        return pipeline_for(launch.settings, launch.flags)
    return backfill_pipeline_for(launch.settings, subject, files.split(","), mapping, launch.flags)
