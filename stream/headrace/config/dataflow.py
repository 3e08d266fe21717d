"""The settings of ``[dataflow]``: place, machines and keys of the job there, checked before anything is created."""

from __future__ import annotations

from typing import Final, Literal, Self

from pydantic import BaseModel, ConfigDict, Field, model_validator

_BUCKET: Final = r"^gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9](/.*)?$"
_SECRET: Final = r"^projects/[a-z0-9-]+/secrets/[A-Za-z0-9_-]+/versions/[0-9]+$"  # noqa: S105 a name, not a secret


class DataflowSettings(BaseModel):
    """The settings of Dataflow besides the graph. They name secrets and never contain them."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)

    region: str | None = Field(None, description="region of the workers", pattern=r"^[a-z]+-[a-z]+[0-9]+$")
    workers: int = Field(1, ge=1, le=4000, description="workers at the start")
    max_workers: int = Field(5, ge=1, le=4000, description="most workers that autoscaling may start")
    machine_type: str = Field(
        "n2-standard-2", description="machine type of a worker", pattern=r"^[a-z0-9]+(-[a-z0-9]+)+$"
    )
    private_addresses: bool = Field(True, description="workers have private addresses only")
    subnetwork: str | None = Field(
        None,
        description="subnetwork of the workers",
        pattern=r"^(https://.*/)?(projects/[^/]+/)?regions/[^/]+/subnetworks/[^/]+$",
    )
    service_account: str | None = Field(
        None, description="service account of the workers", pattern=r"^[a-z0-9-]+@[a-z0-9.-]+\.gserviceaccount\.com$"
    )
    temp_location: str | None = Field(None, description="gs:// folder for temporary files", pattern=_BUCKET)
    staging_location: str | None = Field(
        None, description="gs:// folder for staged files; default: staging, within temp_location", pattern=_BUCKET
    )
    kms_key: str | None = Field(
        None,
        description="key that encrypts state and staged files",
        pattern=r"^projects/[^/]+/locations/[^/]+/keyRings/[^/]+/cryptoKeys/[^/]+$",
    )
    streaming_engine: Literal[True] = Field(
        True, description="Streaming Engine holds the state; cannot be switched off"
    )
    image: str | None = Field(
        None,
        description="image of the workers and the template, by digest",
        pattern=r"^[a-z0-9./_-]+@sha256:[0-9a-f]{64}$",
    )
    template_file: str | None = Field(
        None,
        description="gs:// file of the Flex Template; `headrace template` needs it",
        pattern=r"^gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]/.+$",
    )
    backfill_template_file: str | None = Field(
        None,
        description="gs:// file of the Flex Template that backfills; `headrace template build --backfill` needs it",
        pattern=r"^gs://[a-z0-9][a-z0-9._-]{1,220}[a-z0-9]/.+$",
    )
    flexrs: Literal["COST_OPTIMIZED", "SPEED_OPTIMIZED"] | None = Field(
        None, description="scheduling goal of a backfill: COST_OPTIMIZED begins within six hours, on cheaper workers"
    )
    masking_key_secret: str | None = Field(
        None, description="version in Secret Manager that holds the masking key", pattern=_SECRET
    )
    sealing_key_secret: str | None = Field(
        None,
        description="version in Secret Manager that holds the sealing key; never change on a live job",
        pattern=_SECRET,
    )

    @model_validator(mode="after")
    def _fits_together(self) -> Self:
        if self.max_workers < self.workers:
            raise ValueError("max_workers: fewer than workers; raise max_workers or lower workers")
        if self.kms_key and self.region and f"/locations/{self.region}/" not in self.kms_key:
            raise ValueError("kms_key: not in the region of the job; name a key in that region")
        if self.subnetwork and self.region and f"regions/{self.region}/" not in self.subnetwork:
            raise ValueError("subnetwork: not in the region of the job; name one in that region")
        return self
