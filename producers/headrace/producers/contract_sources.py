"""Places from which a producer reads its contracts: a folder, a package, a bucket."""

from __future__ import annotations

from collections.abc import Callable
from importlib.resources import as_file, files
from pathlib import Path
from types import ModuleType
from typing import TYPE_CHECKING, TypeAlias

from headrace.producers.bucket_client import open_storage
from headrace.producers.config import ProducerConfigError
from headrace.schemas.bucket_folder import BucketFolder, bucket_folder
from headrace.schemas.folder import MAX_FILE_BYTES, SUFFIX
from headrace.schemas.registry import Registry
from headrace.schemas.sidecar import SIDECARS

if TYPE_CHECKING:
    from google.cloud import storage

ContractSource: TypeAlias = Registry | Path | str | ModuleType


def read_contracts(source: ContractSource, open_client: Callable[[], storage.Client] | None = None) -> Registry:
    """Return the contracts of *source*.

    *source* is a folder, such as ``"contracts"``; a package that contains the files, such as the module
    ``acme.contracts``; a folder in a bucket, such as ``"gs://acme-schemas/orders"``, which needs
    ``headrace-producers[bucket]``; or a registry that is read already. *open_client* opens the client of a bucket.

    Raises:
        ContractError: a contract is refused, or the place has no contract.
        ProducerConfigError: the place cannot be read.
    """
    if isinstance(source, Registry):
        return source
    if isinstance(source, ModuleType):
        with as_file(files(source)) as folder:
            return Registry.load(folder)
    if isinstance(source, str) and source.startswith("gs://"):
        return _read_bucket(source, open_client or (lambda: open_storage("contracts")))
    return Registry.load(Path(source))


def _read_bucket(address: str, open_client: Callable[[], storage.Client]) -> Registry:
    import tempfile

    from google.api_core.exceptions import GoogleAPIError

    place = bucket_folder(address)
    if place is None:
        raise ProducerConfigError(f"contracts: {address}: not the address of a bucket; write gs://BUCKET/FOLDER")
    with tempfile.TemporaryDirectory(prefix="headrace-contracts-") as folder:
        try:
            _download(open_client(), place, Path(folder))
        except GoogleAPIError as error:
            raise ProducerConfigError(
                f"contracts: {address}: cannot be read ({type(error).__name__}); check that the bucket exists and that "
                "the producer may read its objects"
            ) from error
        if not any(Path(folder).iterdir()):
            raise ProducerConfigError(f"contracts: {address}: no {SUFFIX} file; run `headrace contracts publish`")
        return Registry.load(Path(folder), place=address)


def _download(client: storage.Client, place: BucketFolder, folder: Path) -> None:
    """Write the objects of a folder that may be contracts. A larger file is refused when it is read."""
    for blob in client.list_blobs(place.bucket, prefix=place.prefix, delimiter="/"):
        name = blob.name.removeprefix(place.prefix)
        if name.endswith((SUFFIX, *SIDECARS)):
            (folder / name).write_bytes(blob.download_as_bytes(end=MAX_FILE_BYTES))
