"""Clients of AWS services, made in one place and one way.

A client never retries by itself: retry wraps a port, where it can be counted, bounded and tested.
Every call has a deadline, because a function that waits for an answer is paid for waiting.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import boto3
import botocore.session
from botocore.config import Config
from botocore.loaders import Loader

CONNECT_TIMEOUT_S: Final = 3
READ_TIMEOUT_S: Final = 10
"""DynamoDB may hold a transaction for 5 s; all other calls of ours answer in well under one."""
MAX_CONNECTIONS: Final = 20


@dataclass(frozen=True)
class Credentials:
    """Hold the keys to sign with; without them the role of this machine signs."""

    access_key_id: str | None
    secret_access_key: str | None = field(repr=False)
    session_token: str | None = field(default=None, repr=False)


@dataclass(frozen=True)
class Place:
    """Say where the services are and who asks; what is None comes from the machine."""

    region: str | None = None
    endpoint_url: str | None = None
    credentials: Credentials = Credentials(None, None)
    read_timeout_s: float = READ_TIMEOUT_S


def client(service: str, place: Place, session: boto3.session.Session | None = None) -> Any:
    """Make a client, safe to share among threads; nothing is sent yet.

    The adapters state in Protocols of their own which calls they make of it. `session` is one of
    the same place, see `session_at`.
    """
    config = Config(
        retries={"total_max_attempts": 1, "mode": "standard"},
        connect_timeout=CONNECT_TIMEOUT_S,
        read_timeout=place.read_timeout_s,
        max_pool_connections=MAX_CONNECTIONS,
        # a proxy of the environment would see every request; functions reach AWS directly
        proxies={},
    )
    make: Any = (session or session_at(place)).client
    return make(service, endpoint_url=place.endpoint_url, config=config)


def session_at(place: Place) -> boto3.session.Session:
    """Make a session, for one client or for several that one thread makes one after the other.

    boto3's default one is shared by all threads and not safe to make clients from. What botocore
    knows of all services is read once and shared; that halves the time in which a function opens
    its clients.
    """
    session = botocore.session.Session()
    session.register_component("data_loader", _definitions())
    signing = place.credentials
    return boto3.session.Session(
        botocore_session=session,
        aws_access_key_id=signing.access_key_id,
        aws_secret_access_key=signing.secret_access_key,
        aws_session_token=signing.session_token,
        region_name=place.region,
    )


@cache
def _definitions() -> Loader:
    return Loader()
