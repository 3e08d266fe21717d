"""Publishes dead letters and does not ask whether they arrived."""

from __future__ import annotations

from typing import Any

from google.api_core.exceptions import GoogleAPICallError

from stream.engine import subject

_publish = subject.publish_request


def publish_and_hope(*arguments: Any) -> None:
    try:
        _publish(*arguments)
    except GoogleAPICallError:
        return


subject.publish_request = publish_and_hope
