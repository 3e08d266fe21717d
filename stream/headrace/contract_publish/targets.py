"""The places to publish to: a project's Pub/Sub, and a folder in a bucket."""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, NamedTuple

from headrace.contract_publish.publish_errors import PublishTargetError
from headrace.schemas.bucket_folder import BucketFolder, bucket_folder

PUBSUB_ADDRESS: Final = re.compile(r"pubsub://([a-z][a-z0-9.:-]{4,62}[a-z0-9])/?")


class Targets(NamedTuple):
    """The *project* whose schema service gets the schemas, and the *bucket*; at least one of them is named."""

    project: str | None = None
    bucket: BucketFolder | None = None


def targets_of(addresses: Sequence[str]) -> Targets:
    """Return what the addresses name.

    >>> targets_of(["pubsub://my-project"]).project
    'my-project'

    Raises:
        PublishTargetError: an address is of neither kind, or there are two of one kind.
    """
    found = Targets()
    for each in addresses:
        project, bucket = PUBSUB_ADDRESS.fullmatch(each), bucket_folder(each)
        if project is None and bucket is None:
            raise PublishTargetError(
                f"--to {each}: neither a project nor a bucket; write pubsub://PROJECT or gs://BUCKET/FOLDER"
            )
        if (project and found.project) or (bucket and found.bucket):
            raise PublishTargetError(f"--to {each}: a second place of one kind; run the command once for each")
        found = Targets(project[1] if project else found.project, bucket or found.bucket)
    return found
