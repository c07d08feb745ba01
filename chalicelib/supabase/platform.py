"""A Supabase project as the services see it: what its database gives, and what lies beside."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager, closing
from dataclasses import dataclass

from chalicelib.domain.backup import BackupOptions
from chalicelib.domain.errors import AuthenticationFailed, Internal, NotFound
from chalicelib.domain.project import Project
from chalicelib.domain.supabase import StorageAccess, SupabaseSettings
from chalicelib.platform_ports import Extent, FileSource
from chalicelib.ports import Secrets
from chalicelib.supabase.config import config_lines
from chalicelib.supabase.functions import function_lines
from chalicelib.supabase.management import ManagementApi
from chalicelib.supabase.parts import extent
from chalicelib.supabase.storage_files import RestFiles


@dataclass(frozen=True)
class S3Door:
    """Say where the files of a project are read over S3, and with which keys."""

    url: str
    region: str
    access_key_id: str
    secret_access_key: str


OpenS3 = Callable[[S3Door], AbstractContextManager[FileSource]]


@dataclass(frozen=True)
class SupabasePlatform:
    """Take what lies beside the database of Supabase projects.

    `pause` waits so many seconds; `open_s3` is the one way to S3 that this package does not have.
    """

    secrets: Secrets
    pause: Callable[[float], object]
    open_s3: OpenS3

    def extent(self, project: Project, options: BackupOptions) -> Extent:
        """Say what of the database belongs to these components."""
        return extent(_settings(project), options)

    def files(self, project: Project) -> AbstractContextManager[FileSource]:
        """Open the way to the files of a project."""
        settings = _settings(project)
        key = self._secret(project.storage_key_name, "key to Storage")
        if settings.storage_access is StorageAccess.REST:
            return closing(RestFiles(settings.storage_url, key))
        return self.open_s3(self._door(project, settings, key))

    def functions(self, project: Project, known: Mapping[str, str]) -> Iterator[str]:
        """Yield a line of JSON per function."""
        with self._api(project) as api:
            yield from function_lines(api, known)

    def config(self, project: Project) -> Iterator[str]:
        """Yield a line of JSON per section of the configuration."""
        with self._api(project) as api:
            yield from config_lines(api)

    def _door(self, project: Project, settings: SupabaseSettings, key: str) -> S3Door:
        access_key_id, _, secret = key.partition(":")
        if not secret:
            raise AuthenticationFailed(
                "the project's key to Storage is no pair of keys for S3",
                hint="Make a pair in the dashboard under Storage, S3, and give it as ID:SECRET.",
            )
        with self._api(project) as api:
            # S3's signatures name the region, which no setting holds
            region = api.project().region
        return S3Door(settings.storage_s3_url, region, access_key_id, secret)

    def _api(self, project: Project) -> ManagementApi:
        token = self._secret(project.token_name, "access token")
        return ManagementApi(_settings(project), token, self.pause)

    def _secret(self, name: str, what: str) -> str:
        try:
            return self.secrets.get(name)
        except NotFound as error:
            raise AuthenticationFailed(
                f"the project has no {what}",
                hint=f"Update the project with its {what}, or leave out what needs it.",
            ) from error


def _settings(project: Project) -> SupabaseSettings:
    if project.supabase is None:
        raise Internal("this is no Supabase project")
    return project.supabase
