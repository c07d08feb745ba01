"""Settings: the only reader of the environment.

| variable | default | meaning |
|---|---|---|
| HOLDFAST_DATA | holdfast-data | folder of the embedded service: records, objects, keys |
| HOLDFAST_PUBLIC_URL | http://127.0.0.1:8080 | where callers reach the service, for links |
| HOLDFAST_CLIENT_DIRS | (none) | folders of PostgreSQL client programs to prefer, by `:` |
| HOLDFAST_CLIENT_FLOOR | warn, on AWS refuse | clients with known CVEs: `warn` or `refuse` |
| HOLDFAST_HOST_GUARD | off, on AWS on | reach sources at public addresses only: `on` or `off` |
| HOLDFAST_LOCK_TIMEOUT_S | 60 | how long a dump waits for a table lock |
| HOLDFAST_DUMP_DEADLINE_S | 43200 | how long one attempt at a dump may take |
| HOLDFAST_WORKERS | 2 | backups and jobs that run at once |
| HOLDFAST_REQUESTS_PER_MINUTE | 600 | requests of one key, per instance; 0 is no limit |
| HOLDFAST_STARTS_PER_MINUTE | 30 | backups, jobs and links of one key; 0 is no limit |
| HOLDFAST_STRANGERS_PER_MINUTE | 120 | requests without valid key from one address, per instance |
| HOLDFAST_URL, HOLDFAST_API_KEY | (none) | the service the command line talks to |
| HOLDFAST_S3_BUCKET | (none) | keep objects in this bucket instead of the data folder |
| HOLDFAST_S3_PREFIX | (none) | what every key in the bucket begins with |
| HOLDFAST_S3_ENDPOINT | (AWS) | another server that speaks S3 |
| HOLDFAST_S3_KMS_KEY, HOLDFAST_S3_STORAGE_CLASS | (the bucket's) | how new objects are kept |
| HOLDFAST_S3_LOCK | (none) | object lock of new objects: `GOVERNANCE:30`, a mode and days |
| HOLDFAST_S3_BUCKET_OWNER | (none) | the account id the bucket must belong to |
| HOLDFAST_REGION | (the machine's) | the region of all AWS services |
| HOLDFAST_TABLE | (none) | keep records in this DynamoDB table: everything runs on AWS then |
| HOLDFAST_BACKUP_MACHINE, HOLDFAST_JOB_MACHINE | (none) | ARNs of the state machines |
| HOLDFAST_RESTORE_MACHINE | (the jobs') | ARN of the state machine that runs restores |
| HOLDFAST_SECRETS_PREFIX | holdfast/ | what names in Secrets Manager begin with |
| HOLDFAST_SIGNING_KEY | (none) | id of the KMS key that signs manifests |
| HOLDFAST_SIGNING_PUBLIC_KEY | (none) | its public half as PEM, pinned |
| HOLDFAST_LINK_SIGNER | (this process) | name of the function that redeems links |
| HOLDFAST_TOPIC | (none) | ARN of the SNS topic for notices |
| HOLDFAST_SCHEDULE_GRACE_S | 1800 | how late a scheduled run is still in time |
| HOLDFAST_SCHEDULE_GROUP | (none) | group of EventBridge Scheduler; without it sweeps start runs |
| HOLDFAST_SCHEDULE_FUNCTION, HOLDFAST_SCHEDULE_ROLE | (none) | ARNs: what it calls, and as whom |
| HOLDFAST_SCHEDULE_DEAD_LETTERS | (none) | ARN of the queue for calls that failed |
| HOLDFAST_HEARTBEAT_URL | (none) | a dead-man's switch that is called after each healthy sweep |
| HOLDFAST_METRICS | key | who may read /metrics: `key` (a viewer's) or `open` (everybody) |
| HOLDFAST_SUPABASE_ROOT_CERTIFICATE | (none) | file of Supabase's root certificate, or `system` |
| HOLDFAST_AWS_ENDPOINT | (AWS) | another server for all services but S3 |
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field, SecretStr, ValidationError

from chalicelib.domain.errors import InvalidRequest

PREFIX = "HOLDFAST_"


PerMinute = Annotated[int, Field(ge=0, le=100_000)]
ObjectLockSetting = Annotated[str, Field(pattern=r"^(GOVERNANCE|COMPLIANCE):[1-9][0-9]{0,4}$")]


_NOT_FOR_WORKERS = {"url", "api_key", "heartbeat_url"}


class Settings(BaseModel):
    """Hold what can be set from outside; times in seconds."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    data: Path = Path("holdfast-data")
    public_url: str = "http://127.0.0.1:8080"
    client_dirs: tuple[Path, ...] = ()
    client_floor: Literal["warn", "refuse"] | None = None
    host_guard: Literal["on", "off"] | None = None
    lock_timeout_s: Annotated[float, Field(gt=0)] = 60.0
    dump_deadline_s: Annotated[float, Field(gt=0)] = 43_200.0
    workers: Annotated[int, Field(ge=1, le=64)] = 2
    requests_per_minute: PerMinute = 600
    starts_per_minute: PerMinute = 30
    strangers_per_minute: PerMinute = 120
    s3_bucket: str | None = None
    s3_prefix: str = ""
    s3_endpoint: str | None = None
    s3_kms_key: str | None = None
    s3_storage_class: str | None = None
    s3_lock: ObjectLockSetting | None = None
    s3_bucket_owner: Annotated[str, Field(pattern=r"^[0-9]{12}$")] | None = None
    region: str | None = None
    table: str | None = None
    backup_machine: str | None = None
    job_machine: str | None = None
    restore_machine: str | None = None
    secrets_prefix: str = "holdfast/"
    signing_key: str | None = None
    signing_public_key: str | None = None
    link_signer: str | None = None
    topic: str | None = None
    schedule_grace_s: Annotated[float, Field(gt=0)] = 1_800.0
    schedule_group: str | None = None
    schedule_function: str | None = None
    schedule_role: str | None = None
    schedule_dead_letters: str | None = None
    heartbeat_url: SecretStr | None = None
    metrics: Literal["key", "open"] = "key"
    aws_endpoint: str | None = None
    supabase_root_certificate: str | None = None
    url: str | None = None
    api_key: SecretStr | None = None

    @classmethod
    def read(cls, environment: Mapping[str, str]) -> Settings:
        """Read the HOLDFAST_ variables; InvalidRequest names the one that cannot be."""
        values: dict[str, object] = {
            name: environment[PREFIX + name.upper()]
            for name in cls.model_fields
            if environment.get(PREFIX + name.upper())
        }
        folders = values.get("client_dirs")
        if isinstance(folders, str):
            values["client_dirs"] = tuple(Path(f) for f in folders.split(os.pathsep) if f)
        try:
            return cls.model_validate(values)
        except ValidationError as error:
            name = PREFIX + str(error.errors()[0]["loc"][0]).upper()
            raise InvalidRequest(
                f"the setting {name} has a value that cannot be",
                hint="See the table of settings in the README.",
            ) from error

    @property
    def floor_policy(self) -> Literal["warn", "refuse"]:
        """What becomes of clients with known CVEs; on AWS the image brings its own, so refuse."""
        return self.client_floor or ("refuse" if self.table else "warn")

    @property
    def guards_hosts(self) -> bool:
        """Whether sources must be public; on AWS who names a host need not be who runs us."""
        return (self.host_guard or ("on" if self.table else "off")) == "on"

    def to_environment(self) -> dict[str, str]:
        """Return the variables that make another process of ours read the same settings."""
        values = {
            **self.model_dump(mode="json", exclude=_NOT_FOR_WORKERS, exclude_none=True),
            "data": str(self.data.absolute()),
            "client_dirs": os.pathsep.join(str(folder) for folder in self.client_dirs),
        }
        return {PREFIX + name.upper(): str(value) for name, value in values.items()}

    def require(self, name: str) -> str:
        """Return a setting that this way of running cannot do without."""
        value = getattr(self, name)
        if not isinstance(value, str) or not value:
            raise InvalidRequest(
                f"the setting {PREFIX}{name.upper()} is missing",
                hint="See the table of settings in the README.",
            )
        return value


def process_environment() -> Mapping[str, str]:
    """Return the environment of this process, for entry points to read settings from."""
    return dict(os.environ)
