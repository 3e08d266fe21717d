"""The contracts' files in a folder of a bucket: what is there, and what to upload."""

from __future__ import annotations

import base64
import hashlib
import tempfile
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, NamedTuple

from headrace.contract_publish.publish_errors import PublishConflictError
from headrace.contract_publish.service_errors import AGAIN, explained
from headrace.schema_registry.registry_errors import NotInRegistryError, UnusableSchemaError
from headrace.schemas.bucket_folder import BucketFolder
from headrace.schemas.folder import MAX_FILE_BYTES, SUFFIX
from headrace.schemas.registry import FolderContents, read_folder
from headrace.schemas.sidecar import SIDECARS

if TYPE_CHECKING:
    from google.cloud import storage

_SECONDS: Final = 20.0
_MAX_NAME_BYTES: Final = 255  # of a file
_NEW: Final = 0  # the generation of an object that does not exist


class Stored(NamedTuple):
    """An object: its *generation*, which changes with its content, and its *md5* in base64, empty if unknown."""

    generation: int
    md5: str


class Upload(NamedTuple):
    """A *file* to upload in place of the object of this *generation*, which is 0 for a new one."""

    file: str
    generation: int

    @property
    def is_new(self) -> bool:
        """Whether there is no such object."""
        return self.generation == _NEW


def local_files(folder: Path, contents: FolderContents) -> dict[str, bytes]:
    """Return the files of the contracts of a folder, with their sidecars and the types that they share."""
    return {each.name: (folder / each.name).read_bytes() for files in contents.sources.values() for each in files}


def plan_uploads(files: Mapping[str, bytes], stored: Mapping[str, Stored]) -> list[Upload]:
    """Return what to upload: shared types and sidecars first, so that a contract is never there without them."""
    changed = [name for name, content in files.items() if name not in stored or stored[name].md5 != _md5(content)]
    ordered = sorted(changed, key=lambda name: (name.endswith(SUFFIX) and _is_contract(name), name))
    return [Upload(name, stored[name].generation if name in stored else _NEW) for name in ordered]


class ContractsBucket:
    """A folder of a bucket, read and written by *client*."""

    def __init__(self, folder: BucketFolder, client: storage.Client) -> None:
        self._folder = folder
        self._client = client

    def address(self, file: str) -> str:
        """Return the address of a file in the folder."""
        return f"gs://{self._folder.bucket}/{self._folder.prefix}{file}"

    def stored(self) -> dict[str, Stored]:
        """Return the contracts' files that are there, by name.

        Raises:
            NotInRegistryError: there is no such bucket.
            RegistryError: the bucket cannot be read.
        """
        from google.api_core.exceptions import NotFound

        address, bucket, prefix = self._folder
        try:
            with explained(address, "storage.objects.list"):
                listed = list(self._client.list_blobs(bucket, prefix=prefix, delimiter="/", timeout=_SECONDS))
        except NotFound:
            raise NotInRegistryError(f"{address}: there is no such bucket; create it, or correct its name") from None
        named = {each.name.removeprefix(prefix): each for each in listed}
        return {
            name: Stored(each.generation, each.md5_hash or "") for name, each in named.items() if _is_contracts(name)
        }

    def contracts(self, files: Mapping[str, bytes], stored: Mapping[str, Stored]) -> FolderContents:
        """Return the contracts that are there; what equals one of the *files* is not read again.

        Raises:
            UnusableSchemaError: an object is larger than a contract may be.
            RegistryError: the bucket cannot be read.
        """
        if not stored:
            return FolderContents({}, {}, {})
        with tempfile.TemporaryDirectory() as place:
            for name, each in stored.items():
                is_same = name in files and _md5(files[name]) == each.md5
                (Path(place) / name).write_bytes(files[name] if is_same else self._read(name))
            return read_folder(Path(place))

    def upload(self, each: Upload, content: bytes) -> None:
        """Upload a file, unless its object has changed since the plan was made.

        Raises:
            PublishConflictError: somebody else has written it.
            RegistryError: the bucket cannot be written.
        """
        from google.api_core.exceptions import PreconditionFailed

        address = self.address(each.file)
        try:
            with explained(address, "storage.objects.create, and storage.objects.delete to replace it"):
                self._blob(each.file).upload_from_string(
                    content, "application/octet-stream", if_generation_match=each.generation, timeout=_SECONDS
                )
        except PreconditionFailed:
            raise PublishConflictError(f"{address}: somebody else wrote it meanwhile; {AGAIN}") from None

    def _read(self, file: str) -> bytes:
        address = self.address(file)
        with explained(address, "storage.objects.get"):
            content: bytes = self._blob(file).download_as_bytes(end=MAX_FILE_BYTES, timeout=_SECONDS)
        if len(content) > MAX_FILE_BYTES:
            raise UnusableSchemaError(f"{address}: larger than {MAX_FILE_BYTES:,} bytes; remove it, or replace it")
        return content

    def _blob(self, file: str) -> storage.Blob:
        blob: storage.Blob = self._client.bucket(self._folder.bucket).blob(f"{self._folder.prefix}{file}")
        return blob


def _is_contracts(name: str) -> bool:
    """Return whether an object is a file of contracts, by a name that a folder can hold."""
    return name.endswith((SUFFIX, *SIDECARS)) and name.isprintable() and len(name.encode()) <= _MAX_NAME_BYTES


def _is_contract(name: str) -> bool:
    return name.removesuffix(SUFFIX).rpartition(".v")[2].isdecimal()


def _md5(content: bytes) -> str:
    """Return what Cloud Storage calls an object's ``md5Hash``; nothing is protected by it."""
    return base64.b64encode(hashlib.md5(content, usedforsecurity=False).digest()).decode()
