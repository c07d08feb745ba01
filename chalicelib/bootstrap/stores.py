"""Make what keeps objects, and what opens links to them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from random import random as chance
from secrets import token_bytes
from typing import TYPE_CHECKING, Any

from chalicelib.ports import Clock, ObjectStore, Redeemer
from chalicelib.settings import Settings

if TYPE_CHECKING:
    import boto3


def unwatched(client: Any) -> None:
    """Let a client be."""
    del client


def directory_store(settings: Settings) -> ObjectStore:
    """Return the store in the data folder."""
    from chalicelib.adapters.embedded.objects import DirectoryStore

    objects = settings.data.absolute() / "objects"
    return DirectoryStore(objects, link_key(settings), settings.public_url)


def s3_store(
    settings: Settings,
    clock: Clock,
    watch: Callable[[Any], None] = unwatched,
    session: boto3.session.Session | None = None,
) -> ObjectStore:
    """Return the store in the bucket of the settings, patient with passing troubles."""
    from chalicelib.adapters.aws.clients import Place
    from chalicelib.adapters.aws.retrying_catalog import Patience
    from chalicelib.adapters.aws.retrying_objects import OBJECT_POLICY, RetryingObjectStore
    from chalicelib.adapters.aws.s3 import S3ObjectStore
    from chalicelib.adapters.aws.s3_settings import LockMode, ObjectLock, S3Settings, s3_client

    mode, _, days = (settings.s3_lock or "").partition(":")
    keeping = S3Settings(
        settings.require("s3_bucket"),
        prefix=settings.s3_prefix,
        kms_key_id=settings.s3_kms_key,
        storage_class=settings.s3_storage_class,
        object_lock=ObjectLock(LockMode(mode), int(days)) if days else None,
        bucket_owner=settings.s3_bucket_owner,
    )
    client = s3_client(Place(settings.region, settings.s3_endpoint), session)
    watch(client)
    patience = Patience(clock, threading.Event().wait, chance, OBJECT_POLICY)
    return RetryingObjectStore(S3ObjectStore(client, keeping, clock), patience)


def remote_link_signer(settings: Settings) -> Redeemer:
    """Return the door to the function that redeems links with rights of its own."""
    from chalicelib.adapters.aws.clients import Place, client
    from chalicelib.adapters.aws.link_signer import LambdaLinkSigner

    place = Place(settings.region, settings.aws_endpoint)
    return LambdaLinkSigner(client("lambda", place), settings.require("link_signer"))


def link_key(settings: Settings) -> bytes:
    """Return the key that signs URLs of the embedded store, made with its first use."""
    from chalicelib.adapters.embedded import key_files

    path = settings.data.absolute() / "keys" / "links.key"
    return key_files.load_or_make(path, lambda: token_bytes(32))
