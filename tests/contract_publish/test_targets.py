"""The places that a person may publish to."""

from __future__ import annotations

import pytest

from headrace.contract_publish.publish_errors import PublishTargetError
from headrace.contract_publish.targets import targets_of


def test_a_project_and_a_bucket_may_be_named() -> None:
    found = targets_of(["gs://team-schemas/contracts/", "pubsub://my-project"])
    assert found.project == "my-project"
    assert found.bucket is not None
    assert (found.bucket.bucket, found.bucket.prefix) == ("team-schemas", "contracts/")
    assert targets_of([]) == (None, None)


@pytest.mark.parametrize(
    "addresses",
    [
        ["contracts"],
        ["pubsub://"],
        ["pubsub://my-project/topics"],
        ["gs://"],
        ["s3://team-schemas"],
        ["pubsub://my-project", "pubsub://another"],
        ["gs://one-bucket", "gs://one-bucket"],
    ],
)
def test_other_places_and_two_of_a_kind_are_refused(addresses: list[str]) -> None:
    with pytest.raises(PublishTargetError, match="--to: "):
        targets_of(addresses)
