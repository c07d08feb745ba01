"""Promises of plugging the parts together."""

from __future__ import annotations

from pathlib import Path

import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import ec

from chalicelib.adapters.aws.dynamodb import DynamoCatalog
from chalicelib.adapters.aws.link_signer import LambdaLinkSigner
from chalicelib.adapters.aws.retrying_catalog import RetryingCatalog
from chalicelib.adapters.aws.retrying_objects import RetryingObjectStore
from chalicelib.adapters.embedded.catalog import SqliteCatalog
from chalicelib.adapters.embedded.objects import DirectoryStore
from chalicelib.adapters.embedded.signer import FileSigner
from chalicelib.bootstrap.services import build
from chalicelib.domain.connection import Connection, Endpoint
from chalicelib.domain.errors import InvalidRequest
from chalicelib.services.links import LinkSigner
from chalicelib.settings import Settings

AWS = {
    "HOLDFAST_TABLE": "holdfast",
    "HOLDFAST_S3_BUCKET": "backups",
    "HOLDFAST_REGION": "eu-central-1",
    "HOLDFAST_BACKUP_MACHINE": "arn:aws:states:eu-central-1:000000000000:stateMachine:backup",
    "HOLDFAST_JOB_MACHINE": "arn:aws:states:eu-central-1:000000000000:stateMachine:job",
    "HOLDFAST_SIGNING_KEY": "alias/holdfast",
    "HOLDFAST_TOPIC": "arn:aws:sns:eu-central-1:000000000000:holdfast",
}
NEEDED = ["S3_BUCKET", "BACKUP_MACHINE", "JOB_MACHINE", "SIGNING_KEY", "TOPIC"]


@pytest.fixture
def pem() -> str:
    """Give the public key of a pair that KMS could hold."""

    public = ec.generate_private_key(ec.SECP256R1()).public_key()
    return public.public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    ).decode()


def test_without_settings_everything_lies_in_the_data_folder(tmp_path: Path) -> None:
    adapters = build(Settings(data=tmp_path)).adapters

    assert isinstance(adapters.catalog, SqliteCatalog)
    assert isinstance(adapters.store, DirectoryStore)


def test_a_bucket_takes_the_objects_and_leaves_the_rest(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path, s3_bucket="backups", region="eu-central-1")

    adapters = build(settings).adapters

    assert isinstance(adapters.store, RetryingObjectStore)
    assert isinstance(adapters.catalog, SqliteCatalog)
    assert isinstance(adapters.signer, FileSigner)


def test_a_table_puts_everything_on_aws(pem: str) -> None:
    services = build(Settings.read({**AWS, "HOLDFAST_SIGNING_PUBLIC_KEY": pem}))

    assert isinstance(services.adapters.catalog, RetryingCatalog)
    assert isinstance(services.adapters.catalog._catalog, DynamoCatalog)  # noqa: SLF001 - what it wraps
    assert services.settings.floor_policy == "refuse"


@pytest.mark.parametrize("missing", NEEDED)
def test_what_aws_cannot_do_without_is_named(missing: str, pem: str) -> None:
    environment = {**AWS, "HOLDFAST_SIGNING_PUBLIC_KEY": pem}
    del environment[f"HOLDFAST_{missing}"]

    with pytest.raises(InvalidRequest, match=f"HOLDFAST_{missing} is missing"):
        build(Settings.read(environment))


def test_the_engine_reaches_public_hosts_only_where_the_guard_is_on(tmp_path: Path) -> None:
    engine = build(Settings(data=tmp_path, host_guard="on")).adapters.engine()

    with pytest.raises(InvalidRequest, match="not a public address"):
        engine.test(Connection(Endpoint(host="127.0.0.1")))


def test_links_are_redeemed_here_unless_a_function_does_it(tmp_path: Path) -> None:
    here = build(Settings(data=tmp_path))
    there = build(Settings(data=tmp_path, link_signer="link_signer", region="eu-central-1"))

    assert isinstance(here.redeemer, LinkSigner)
    assert isinstance(there.redeemer, LambdaLinkSigner)
