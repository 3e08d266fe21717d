"""Objects of buckets that the settings name: read whole, within a bound, and compared with their hash."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import TYPE_CHECKING, Final

from google.api_core.exceptions import ClientError, NotFound
from google.cloud.storage.retry import DEFAULT_RETRY

from headrace.errors import Exit
from headrace.runtime.google_clients import open_storage
from headrace.runtime.retry_policy import RETRYABLE, RetryableError
from headrace.schemas.bucket_folder import BucketFolder, bucket_folder
from headrace.schemas.data_reference import DataReference, Unread
from headrace.schemas.decoder import MAX_PAYLOAD_BYTES

if TYPE_CHECKING:
    from google.cloud import storage

AT_ONCE: Final = 4  # objects
READ_SECONDS: Final = 60.0
RETRY_SECONDS: Final = 20.0  # for which the client tries again, before the subject waits
_MOST_BYTES: Final = MAX_PAYLOAD_BYTES + 65_536  # what cannot be compressed becomes a little larger
_TRIES: Final = 2  # of an object with another hash: its bytes may have changed on their way
_ELSEWHERE: Final = (
    "its payload lies in a bucket that this job does not read; if that is meant, name the bucket in the setting "
    'large_events, such as large_events = ["gs://acme-large/orders"]'
)


class BucketUnreachableError(RetryableError, error_code="HR-521", exit_code=Exit.UNREACHABLE):
    """A bucket with payloads does not answer, or refuses the job. The text names the bucket and the remedy."""


class BucketReader:
    """Reads objects in *folders* of buckets, such as ``gs://acme-large/orders``, and nothing else. Thread-safe."""

    def __init__(self, folders: Sequence[str], open_client: Callable[[], storage.Client] = open_storage) -> None:
        self._folders = [folder for folder in map(bucket_folder, folders) if folder is not None]
        self._open = open_client
        self._client: storage.Client | None = None

    def __call__(self, references: Sequence[DataReference]) -> list[bytes | Unread]:
        """Return the bytes of each object, or why it cannot be a payload.

        Raises:
            BucketUnreachableError: a bucket does not answer, or refuses the job; another try may succeed.
        """
        with ThreadPoolExecutor(AT_ONCE, "large events") as pool:
            return list(pool.map(self._read, references))

    def _read(self, reference: DataReference) -> bytes | Unread:
        if not any(_is_within(reference, folder) for folder in self._folders):
            return Unread(_ELSEWHERE)
        try:
            for _ in range(_TRIES):
                data = self._download(reference)
                if len(data) > _MOST_BYTES:
                    return Unread(f"the object in ce-dataref has more than {_MOST_BYTES} bytes; split the event")
                if reference.is_of(data):
                    return data
        except NotFound:
            return Unread("the object in ce-dataref does not exist; restore it, or publish the event again")
        except RETRYABLE as error:
            raise BucketUnreachableError(
                f"gs://{reference.bucket}: {type(error).__name__}; the job needs roles/storage.objectViewer on it"
            ) from error
        except ClientError:
            return Unread("Cloud Storage refuses the name of the object in ce-dataref, or the object is empty")
        return Unread("the object in ce-dataref has other bytes than ce-datarefsha256 says; publish the event again")

    def _download(self, reference: DataReference) -> bytes:
        if self._client is None:
            self._client = self._open()
        blob = self._client.bucket(reference.bucket).blob(reference.name)
        data: bytes = blob.download_as_bytes(
            end=_MOST_BYTES,
            raw_download=True,
            checksum=None,
            timeout=READ_SECONDS,
            retry=DEFAULT_RETRY.with_timeout(RETRY_SECONDS),
        )
        return data


def _is_within(reference: DataReference, folder: BucketFolder) -> bool:
    return reference.bucket == folder.bucket and reference.name.startswith(folder.prefix)
