"""The import of contracts from a folder in a bucket, byte for byte."""

from __future__ import annotations

import re
from collections.abc import Collection
from typing import TYPE_CHECKING, Final

from headrace.schema_registry.contract_import import ImportedFiles
from headrace.schema_registry.registry_errors import (
    NotInRegistryError,
    RegistryAwayError,
    RegistryRefusedError,
    UnusableSchemaError,
)
from headrace.schemas.bucket_folder import BucketFolder
from headrace.schemas.folder import MAX_FILE_BYTES, SUFFIX
from headrace.schemas.sidecar import SIDECARS

if TYPE_CHECKING:
    from google.cloud import storage

_CONTRACT: Final = re.compile(rf"(.+)\.v([1-9][0-9]{{0,5}})({'|'.join(map(re.escape, (SUFFIX, *SIDECARS)))})")


def read_bucket_import(
    client: storage.Client, folder: BucketFolder, name: str, subject: str, versions: Collection[int] = ()
) -> ImportedFiles:
    """Read the files ``<name>.v<N>.avsc`` of a folder in a bucket, their sidecars, and the types that its files share.

    *versions* chooses some, by default all.

    Raises:
        NotInRegistryError: the folder has no such contract or version.
        UnusableSchemaError: a file is larger than a contract may be.
        RegistryError: the bucket cannot be read now.
    """
    from google.api_core.exceptions import Forbidden, GoogleAPIError, NotFound, Unauthenticated

    address, bucket, prefix = folder
    contracts: dict[str, bytes] = {}
    shared: dict[str, bytes] = {}
    try:
        for blob in client.list_blobs(bucket, prefix=prefix, delimiter="/"):
            file = blob.name.removeprefix(prefix)
            parts = _CONTRACT.fullmatch(file)
            if parts is not None and parts[1] == name and (not versions or int(parts[2]) in versions):
                contracts[f"{subject}.v{parts[2]}{parts[3]}"] = _content(blob)
            elif parts is None and file.endswith(SUFFIX):
                shared[file] = _content(blob)
    except NotFound:
        raise NotInRegistryError(f"{address}: there is no such bucket; correct its name") from None
    except (Forbidden, Unauthenticated) as error:
        raise RegistryRefusedError(
            f"{address}: {type(error).__name__}; ask for the role roles/storage.objectViewer on the bucket"
        ) from None
    except (GoogleAPIError, OSError) as error:
        raise RegistryAwayError(f"{address}: the bucket cannot be read ({type(error).__name__}); try again") from None
    found = {int(parts[2]) for parts in map(_CONTRACT.fullmatch, contracts) if parts and parts[3] == SUFFIX}
    if not found or not found.issuperset(versions):
        raise NotInRegistryError(f"{address}: has no {name}.v<N>{SUFFIX} of that version; list its objects")
    return ImportedFiles(subject, contracts, shared)


def _content(blob: storage.Blob) -> bytes:
    if blob.size > MAX_FILE_BYTES:
        raise UnusableSchemaError(f"{blob.name}: larger than {MAX_FILE_BYTES:,} bytes")
    content: bytes = blob.download_as_bytes()
    return content
