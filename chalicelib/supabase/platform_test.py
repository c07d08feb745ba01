"""Try a Supabase project: its database, its Management API, its Storage, component by component.

A component that cannot be taken is a problem, unless the project says that it may be missing.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from typing import Any, Final

from chalicelib.domain.backup import Component
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import AuthenticationFailed, HoldfastError, SourceUnreachable
from chalicelib.domain.supabase import MANAGED_SCHEMAS, StorageAccess, SupabaseSettings
from chalicelib.postgres_ports import Engine, SourceReport
from chalicelib.supabase.abilities import ABILITIES, Abilities
from chalicelib.supabase.config_sections import CONFIG_SECTIONS
from chalicelib.supabase.management import FUNCTIONS, ManagementApi, ProjectInfo, Question
from chalicelib.supabase.storage_door import storage_refusal

LOGIN_PAUSES_S: Final = (5.0, 15.0, 30.0)
"""A new password takes up to minutes to reach the pooler, and too many refusals end in a ban."""

FEW_CONNECTIONS: Final = 6
"""A dump takes a handful of sessions: its own, the snapshot's, those that count rows."""

FUNCTIONS_LIST: Final = Question("the edge functions", "/functions", FUNCTIONS)


@dataclass(frozen=True)
class Tried:
    """Hold the project to try: its settings, how to reach its database, its keys."""

    settings: SupabaseSettings
    connect: Callable[[], Connection]
    access_token: str | None = field(repr=False)
    storage_key: str | None = field(repr=False)


@dataclass(frozen=True)
class Platform:
    """Hold what the Management API says of the project, or why it says nothing."""

    api: ManagementApi | None
    info: ProjectInfo | None = None
    refusal: str | None = None

    def why_not(self, questions: Iterable[Question]) -> str | None:
        """Return why one of the questions is not answered; None where all are."""
        if self.api is None:
            return self.refusal
        for question in questions:
            try:
                self.api.ask(question)
            except HoldfastError as error:
                return error.message
        return None


@dataclass(frozen=True)
class PlatformTest:
    """Try projects; `ask` puts a query to a database, `open_api` opens the Management API."""

    engine: Engine
    ask: Callable[[Connection, str], tuple[str, ...]]
    open_api: Callable[[SupabaseSettings, str], ManagementApi]
    pause: Callable[[float], object]

    def run(self, tried: Tried) -> tuple[SourceReport, dict[str, Any]]:
        """Return what was found of the database, problems of all components in it, and the rest.

        Raises what keeps the database from being reached: SourceUnreachable for a paused project.
        """
        with ExitStack() as stack:
            # first: of a paused project the pooler answers too, and says something misleading
            platform = self._platform(tried, stack)
            if platform.info is not None and platform.info.is_paused:
                raise SourceUnreachable(
                    "the project is paused, its database does not run",
                    hint="Restore the project in the dashboard, then try again.",
                )
            connection = tried.connect()
            report = self._patiently(connection)
            abilities = Abilities.parse("".join(self.ask(connection, ABILITIES)))
            missing = _missing(tried, abilities, report, platform)
        problems = _problems(tried.settings, missing)
        warnings = (*report.warnings, *_warnings(abilities))
        told = _told(abilities, connection, platform)
        told["components"] = {
            one.value: {"can_be_taken": missing[one] is None, "why_not": missing[one]}
            for one in Component
        }
        return replace(report, problems=problems, warnings=warnings), told

    def _platform(self, tried: Tried, stack: ExitStack) -> Platform:
        if tried.access_token is None:
            return Platform(None, refusal="the project has no access token")
        api = stack.enter_context(self.open_api(tried.settings, tried.access_token))
        try:
            return Platform(api, api.project())
        except HoldfastError as error:
            return Platform(api, refusal=error.message)

    def _patiently(self, connection: Connection) -> SourceReport:
        for pause_s in LOGIN_PAUSES_S:
            try:
                return self.engine.test(connection, MANAGED_SCHEMAS)
            except AuthenticationFailed:
                self.pause(pause_s)
        return self.engine.test(connection, MANAGED_SCHEMAS)


def _missing(
    tried: Tried, abilities: Abilities, report: SourceReport, platform: Platform
) -> dict[Component, str | None]:
    """Return for every component why it cannot be taken; None where it can."""
    short_lived = tried.settings.short_lived_auth
    rows = abilities.why_not("storage", short_lived=short_lived)
    return {
        Component.DATABASE: "; ".join(report.problems) or None,
        # every role may read pg_roles
        Component.ROLES: None,
        Component.AUTH: abilities.why_not("auth", short_lived=short_lived),
        Component.STORAGE: rows or _files(tried.settings, tried.storage_key),
        Component.FUNCTIONS: platform.why_not((FUNCTIONS_LIST,)),
        Component.CONFIG: platform.why_not(CONFIG_SECTIONS.values()),
    }


def _files(settings: SupabaseSettings, storage_key: str | None) -> str | None:
    if storage_key is None:
        return "the project has no key for Storage"
    # of S3's keys only a signed request tells, which is the backup's to make
    return (
        None
        if settings.storage_access is StorageAccess.S3
        else storage_refusal(settings, storage_key)
    )


def _problems(settings: SupabaseSettings, missing: dict[Component, str | None]) -> tuple[str, ...]:
    # a component that a backup does not take by itself is told about, and in nobody's way
    needed = [one for one in settings.components if one not in settings.optional]
    return tuple(f"{one.value}: {missing[one]}" for one in needed if missing[one] is not None)


def _warnings(abilities: Abilities) -> tuple[str, ...]:
    warnings = []
    if abilities.others_large_objects:
        warnings.append(
            f"{abilities.others_large_objects} large objects belong to other roles"
            " and cannot be read"
        )
    if abilities.connections_left < FEW_CONNECTIONS:
        warnings.append(f"only {abilities.connections_left} connections are left")
    return tuple(warnings)


def _told(abilities: Abilities, connection: Connection, platform: Platform) -> dict[str, Any]:
    info = platform.info
    return {
        "host": connection.endpoint.host,
        "port": connection.endpoint.port,
        "status": info.status if info else None,
        "region": info.region if info else None,
        "management_api": "answers" if info else platform.refusal,
        "role": {
            "name": abilities.role,
            "reads_all_data": abilities.reads_all_data,
            "may_replicate": abilities.may_replicate,
            "is_read_only": abilities.is_read_only,
        },
        "timeouts_ms": abilities.timeouts_ms,
        "connections_left": abilities.connections_left,
        "connections_max": abilities.max_connections,
    }
