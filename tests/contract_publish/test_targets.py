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


@pytest.mark.parametrize("address", ["contracts", "X", "pubsub://", "pubsub://my-project/topics", "gs://", "s3://team"])
def test_an_address_of_another_kind_is_refused(address: str) -> None:
    with pytest.raises(PublishTargetError, match=f"^--to {address}: neither a project nor a bucket; write pubsub://"):
        targets_of([address])


@pytest.mark.parametrize("first", ["pubsub://my-project", "gs://one-bucket"])
@pytest.mark.parametrize("is_other", [False, True])
def test_two_places_of_one_kind_are_refused(first: str, is_other: bool) -> None:
    second = f"{first}-2" if is_other else first
    with pytest.raises(PublishTargetError, match=f"^--to {second}: a second place of one kind; run the command once"):
        targets_of([first, second])
