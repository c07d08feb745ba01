"""Plug the Supabase craft into the services, loading it only where a project needs it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from chalicelib.bootstrap.adapters import Adapters
from chalicelib.bootstrap.postgres import postgres_asker
from chalicelib.domain.connection import SYSTEM_ROOTS, Connection
from chalicelib.domain.errors import AuthenticationFailed, Internal, InvalidRequest, NotFound
from chalicelib.domain.project import Project
from chalicelib.domain.supabase import SupabaseSettings
from chalicelib.ports import Secrets
from chalicelib.postgres_ports import SourceReport
from chalicelib.services.projects import Projects
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.supabase.management import ManagementApi, Pooler


def management_api(settings: SupabaseSettings, token: str) -> ManagementApi:
    """Return a client of a project's Management API; whoever takes it closes it."""
    from chalicelib.supabase.management import ManagementApi

    return ManagementApi(settings, token, threading.Event().wait)


def platform_token(project: Project, secrets: Secrets) -> str:
    """Return a project's access token; AuthenticationFailed where none was given."""
    try:
        return secrets.get(project.token_name)
    except NotFound as error:
        raise AuthenticationFailed(
            "the project has no access token for the Management API",
            hint="Update the project with a token from the dashboard: Account, Access Tokens.",
        ) from error


def platform_test(
    settings: Settings, adapters: Adapters, projects: Projects
) -> Callable[[Project], tuple[SourceReport, dict[str, Any]]]:
    """Return what tries a Supabase project, all its components."""

    def test(project: Project) -> tuple[SourceReport, dict[str, Any]]:
        from chalicelib.supabase.platform_test import PlatformTest, Tried

        if project.supabase is None:
            raise Internal("the project is no Supabase project")
        keys = projects.keys(project)
        asker = postgres_asker(settings, adapters.clock)
        trial = PlatformTest(adapters.engine(), asker.ask, management_api, threading.Event().wait)
        return trial.run(
            Tried(
                project.supabase,
                # later: of a paused project no way is looked for
                lambda: projects.connection(project.id),
                keys.access_token,
                keys.storage_key,
            )
        )

    return test


def locating(settings: Settings, secrets: Secrets) -> Callable[[Project, Connection], Connection]:
    """Return what finds the way to a project's database when it is needed."""

    def located(project: Project, connection: Connection) -> Connection:
        if project.supabase is None:
            return connection
        from chalicelib.supabase.addresses import Locator, takes_connections

        def pooler(asked: SupabaseSettings) -> Pooler:
            with management_api(asked, platform_token(project, secrets)) as api:
                return api.pooler()

        locator = Locator(pooler, takes_connections, _root_certificate(settings))
        return locator.located(project.supabase, connection)

    return located


def _root_certificate(settings: Settings) -> str | None:
    root = settings.supabase_root_certificate
    # the guard cannot tell a file that the operator names from one that a caller does
    if settings.guards_hosts and root not in {None, SYSTEM_ROOTS}:
        raise InvalidRequest(
            "HOLDFAST_SUPABASE_ROOT_CERTIFICATE names a file, and the host guard is on",
            hint="Put the certificate among those the machine trusts, and set it to system.",
        )
    return root
