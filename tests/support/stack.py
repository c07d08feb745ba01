"""A whole service as its settings name it, once on one machine and once on AWS services.

Nothing is plugged together here: `bootstrap.build` reads settings and credentials as an operator
gives them, and worker processes get them through their environment.
"""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import httpx
import pytest

from chalicelib.adapters.aws.clients import Credentials
from chalicelib.adapters.aws.kms_signer import fetch_public_key
from chalicelib.bootstrap.services import Services, build
from chalicelib.domain.access import Role
from chalicelib.domain.backup import Backup, BackupOptions
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.execution import Work
from chalicelib.local.server import ApiServer
from chalicelib.ports import ObjectStore
from chalicelib.postgres_ports import Engine
from chalicelib.services.access import NewKey
from chalicelib.services.backups import NewBackup
from chalicelib.services.projects import NewProject
from chalicelib.settings import Settings
from tests.support import ministack, seaweedfs
from tests.support.servers import ROOT, free_ports

EMBEDDED: Final = "embedded"
AWS: Final = "aws"
SETS: Final = (EMBEDDED, AWS)
Variables = dict[str, str]

SCHEDULE_ARNS: Final = {
    "FUNCTION": "arn:aws:lambda:eu-central-1:000000000000:function:holdfast-scheduled_backup",
    "ROLE": "arn:aws:iam::000000000000:role/holdfast-schedules",
    "DEAD_LETTERS": "arn:aws:sqs:eu-central-1:000000000000:holdfast-schedules",
}
"""What the scheduler of an installation calls, as whom, and where failed calls go."""

# Whatever this machine knows of a real account must not be found.
ALONE: Final = {
    "AWS_EC2_METADATA_DISABLED": "true",
    "AWS_CONFIG_FILE": "/nonexistent/config",
    "AWS_SHARED_CREDENTIALS_FILE": "/nonexistent/credentials",
    "POWERTOOLS_TRACE_DISABLED": "true",
}


@dataclass(frozen=True)
class Stack:
    """Hold a service, with what it was made from: settings and credentials."""

    name: str
    environment: Variables
    credentials: Variables
    services: Services

    def with_engine(self, engine: Engine) -> Services:
        """Return the same service with another engine."""
        adapters = replace(self.services.adapters, engine=lambda: engine)
        return Services(self.services.settings, adapters)

    def worker(self, work: Work, work_id: str) -> subprocess.Popen[bytes]:
        """Start a worker process."""
        settings = self.services.settings.to_environment()
        return subprocess.Popen(
            [sys.executable, "-m", "chalicelib.worker", work.value, work_id],
            cwd=ROOT,
            env={"PATH": os.defpath, **settings, **self.credentials},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
        )

    def request(self, source: Connection | None = None, **options: object) -> Backup:
        """Ask for a backup of a project of its own."""
        nowhere = Connection(Endpoint(host="db.example.org", database="app"), "s3cret-of-app")
        new = NewProject("shop", source or nowhere, {})
        project = self.services.projects.create("test", new)
        wanted = NewBackup(project.id, BackupOptions.model_validate(options))
        return self.services.backups.request("test", wanted)

    def leftovers(self) -> list[str]:
        """Name all objects and all uploads under way."""
        store = self.services.adapters.store
        return [*store.keys(""), *(upload.key for upload in store.uploads(""))]

    def foreign_store(self, folder: Path) -> ObjectStore:
        """Return the same store, opened by somebody who holds another key."""
        stranger = Credentials("AKIDOFASTRANGER", "made-up-secret-of-a-stranger")
        with environment_of(signing_as(stranger)):
            changed = {**self.environment, "HOLDFAST_DATA": str(folder)}
            return build(Settings.read(changed)).adapters.store


@contextmanager
def opened(name: str, config: pytest.Config, folder: Path) -> Iterator[Stack]:
    """Open a fresh service of one of the SETS, and the environment it lives in."""
    environment = embedded_settings(folder)
    if name == AWS:
        environment |= aws_settings(config)
    with opened_with(name, environment, seaweedfs.WORKER) as stack:
        yield stack


@contextmanager
def opened_with(name: str, environment: Mapping[str, str], who: Credentials) -> Iterator[Stack]:
    """Open the service that these settings name, with these credentials."""
    credentials = signing_as(who)
    with environment_of(credentials):
        services = build(Settings.read(environment))
        yield Stack(name, dict(environment), credentials, services)
        for adapter in (services.adapters.catalog, services.adapters.workflow):
            getattr(adapter, "close", lambda: None)()


@contextmanager
def serving(services: Services) -> Iterator[httpx.Client]:
    """Serve at the public URL of the settings."""
    url = services.settings.public_url
    server = ApiServer(services, port=int(urlsplit(url).port or 0))
    server.start()
    _, token = services.access.create("test", NewKey("test", Role.ADMIN))
    headers = {"Authorization": f"Bearer {token}"}
    try:
        with httpx.Client(base_url=url, headers=headers) as client:
            yield client
    finally:
        server.stop()


@contextmanager
def environment_of(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of this process for a while."""
    with pytest.MonkeyPatch.context() as patch:
        for name, value in variables.items():
            patch.setenv(name, value)
        yield


def embedded_settings(folder: Path) -> Variables:
    """Return what both sets are told: a folder, a free port, any client, any source."""
    return {
        "HOLDFAST_DATA": str(folder / "data"),
        "HOLDFAST_PUBLIC_URL": f"http://127.0.0.1:{free_ports(1)[0]}",
        "HOLDFAST_CLIENT_FLOOR": "warn",
        "HOLDFAST_HOST_GUARD": "off",
    }


def aws_settings(config: pytest.Config) -> Variables:
    """Make what an installation on AWS consists of, and return the settings that name it."""
    return installation(ministack.ministack_of(config), seaweedfs.seaweedfs_of(config))


def installation(server: ministack.Ministack, bucket: seaweedfs.SeaweedFS) -> Variables:
    """Make the same on these servers."""
    machines = server.new_state_machines()
    key_id = server.new_signing_key()
    return {
        "HOLDFAST_REGION": ministack.REGION,
        "HOLDFAST_AWS_ENDPOINT": server.endpoint,
        "HOLDFAST_TABLE": server.new_table(),
        "HOLDFAST_BACKUP_MACHINE": machines[Work.BACKUP],
        "HOLDFAST_JOB_MACHINE": machines[Work.JOB],
        "HOLDFAST_SECRETS_PREFIX": ministack.fresh("holdfast") + "/",
        "HOLDFAST_SIGNING_KEY": key_id,
        "HOLDFAST_SIGNING_PUBLIC_KEY": fetch_public_key(server.client("kms"), key_id),
        "HOLDFAST_TOPIC": server.new_topic(),
        "HOLDFAST_SCHEDULE_GROUP": server.new_schedule_group(),
        **{f"HOLDFAST_SCHEDULE_{name}": arn for name, arn in SCHEDULE_ARNS.items()},
        "HOLDFAST_S3_ENDPOINT": bucket.endpoint,
        "HOLDFAST_S3_BUCKET": seaweedfs.BUCKET,
        "HOLDFAST_S3_PREFIX": seaweedfs.fresh_prefix(),
    }


def signing_as(who: Credentials) -> Variables:
    """Return the variables by which every client of AWS signs as somebody."""
    keys = {
        "AWS_ACCESS_KEY_ID": who.access_key_id,
        "AWS_SECRET_ACCESS_KEY": who.secret_access_key,
    }
    return {**ALONE, **{name: value for name, value in keys.items() if value is not None}}
