"""A store on SeaweedFS, one behind a proxy that goes wrong, and ministack as a second server."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from chalicelib.adapters.aws.clients import Credentials, Place
from chalicelib.adapters.aws.retrying_catalog import Patience
from chalicelib.adapters.aws.retrying_objects import OBJECT_POLICY, RetryingObjectStore
from chalicelib.adapters.aws.s3 import S3ObjectStore
from chalicelib.adapters.aws.s3_settings import S3Settings, s3_client
from chalicelib.adapters.system import SystemClock
from tests.support.ministack import Ministack, ministack_of
from tests.support.s3_faults import FaultyS3
from tests.support.seaweedfs import BUCKET, KEYS, REGION, SeaweedFS, fresh_prefix, seaweedfs_of

StoreAt = Callable[..., S3ObjectStore]


@pytest.fixture
def seaweedfs(request: pytest.FixtureRequest) -> SeaweedFS:
    return seaweedfs_of(request.config)


@pytest.fixture
def ministack(request: pytest.FixtureRequest) -> Ministack:
    return ministack_of(request.config)


@pytest.fixture
def store_at() -> Iterator[StoreAt]:
    """Make stores: `store_at(endpoint, settings)`; their connections end with the test."""
    with ExitStack() as made:

        def make(
            endpoint: str, settings: S3Settings, credentials: Credentials = KEYS
        ) -> S3ObjectStore:
            client = s3_client(Place(REGION, endpoint, credentials), read_timeout_s=20)
            store = S3ObjectStore(client, settings, SystemClock())
            made.callback(store.close)
            return store

        yield make


@pytest.fixture
def settings() -> S3Settings:
    return S3Settings(BUCKET, prefix=fresh_prefix())


@pytest.fixture
def direct(store_at: StoreAt, seaweedfs: SeaweedFS, settings: S3Settings) -> S3ObjectStore:
    """The store as it is, to look at what was left."""
    return store_at(seaweedfs.endpoint, settings)


@pytest.fixture
def faulty(seaweedfs: SeaweedFS) -> Iterator[FaultyS3]:
    """The proxy: without faults until a test gives it some."""
    with FaultyS3(seaweedfs.port) as proxy:
        yield proxy


@pytest.fixture
def store(store_at: StoreAt, faulty: FaultyS3, settings: S3Settings) -> S3ObjectStore:
    """The store behind the proxy; it never retries."""
    return store_at(faulty.endpoint, settings)


@pytest.fixture
def retrying(store: S3ObjectStore) -> RetryingObjectStore:
    """The same store as it is installed: it tries again, without pausing."""
    return RetryingObjectStore(
        store, Patience(SystemClock(), lambda _: None, lambda: 0.0, OBJECT_POLICY)
    )
