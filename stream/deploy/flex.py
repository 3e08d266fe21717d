"""What Dataflow's launcher runs in the image: the template's parameters become settings, all else is Beam's."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from apache_beam.options.pipeline_options import GoogleCloudOptions, PipelineOptions

from stream.deploy.options import ALWAYS, SECRETS
from stream.deploy.submit import submit
from stream.deploy.template import PARAMETERS
from stream.exits import explain
from stream.output import say
from stream.settings import Settings, load_settings


def main() -> None:
    """Describe the job to the launcher that started this process, which then starts it."""
    try:
        settings, flags = read_arguments(sys.argv[1:])
        job = submit(settings, flags)
    except Exception as error:  # the last place: the launcher's log shows a sentence
        code, sentence = explain(error)
        say(f"headrace: {sentence}")
        sys.exit(code)
    say(f"submitted: {job}" if job else "described; the launcher starts it")


def read_arguments(arguments: Sequence[str]) -> tuple[Settings, list[str]]:
    """Settings and Beam's flags from what the launcher gives.

    Raises:
        SettingsError: a parameter is wrong.
        SystemExit: a needed one is missing; argparse has said so.
    """
    parser = argparse.ArgumentParser(allow_abbrev=False)
    for name in PARAMETERS:
        parser.add_argument(f"--{name}")
    for name in SECRETS:
        parser.add_argument(f"--{name}", required=True)
    told, flags = parser.parse_known_args(arguments)
    project = PipelineOptions(flags).view_as(GoogleCloudOptions).project
    given = {name: getattr(told, name) for name in PARAMETERS}
    secrets = {name: getattr(told, name) for name in SECRETS}
    return load_settings(project=project, dataflow=secrets, **given), [*flags, *ALWAYS]
