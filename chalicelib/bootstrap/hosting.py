"""Make what knows the hosting platform of a project, loading its clients only when asked."""

from __future__ import annotations

import threading
from typing import TYPE_CHECKING

from chalicelib.platform_ports import FileSource, Platform
from chalicelib.ports import Secrets

if TYPE_CHECKING:
    from contextlib import AbstractContextManager

    from chalicelib.supabase.platform import S3Door


def hosting_platform(secrets: Secrets) -> Platform:
    """Return the platform of Supabase projects; nothing is asked before it is needed."""
    # imported here, so that the API goes without a client for HTTP
    from chalicelib.supabase.platform import SupabasePlatform

    return SupabasePlatform(secrets, threading.Event().wait, _open_s3)


def _open_s3(door: S3Door) -> AbstractContextManager[FileSource]:
    from contextlib import closing

    from chalicelib.adapters.aws.clients import Credentials
    from chalicelib.adapters.aws.storage_source import S3Files, S3Place

    credentials = Credentials(door.access_key_id, door.secret_access_key)
    return closing(S3Files(S3Place(door.url, door.region, credentials)))
