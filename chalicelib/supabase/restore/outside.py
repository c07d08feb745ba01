"""Reach what lies beside a project's database: its Storage and the Management API."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial

from chalicelib.domain.backup import Component
from chalicelib.domain.errors import HoldfastError, InvalidRequest, Unsupported
from chalicelib.domain.supabase import StorageAccess
from chalicelib.postgres_ports import PlatformTarget
from chalicelib.supabase.config import CONFIG
from chalicelib.supabase.management import FUNCTIONS, ManagementApi, Question
from chalicelib.supabase.restore import services
from chalicelib.supabase.restore.backup import HeldBackup
from chalicelib.supabase.restore.upload import Door


@dataclass(frozen=True)
class Outside:
    """Hold the ways to what lies beside the database; None where nobody gave a token."""

    platform: PlatformTarget
    api: ManagementApi | None
    pause: Callable[[float], object]

    def door(self) -> Door:
        """Return the way to Storage."""
        settings, key = self.platform.settings, self.platform.storage_key
        if settings.storage_access is not StorageAccess.REST:
            raise Unsupported(
                "files are restored by Storage's REST interface only",
                hint="Set the target project to rest and give it its service_role key.",
            )
        if key is None:
            raise InvalidRequest(
                "the target project has no key to its Storage",
                hint="Give the project its service_role key, or leave out the component storage.",
                field="storage_key",
            )
        return Door(settings.storage_url, key, settings.is_local, self.pause)

    def management(self) -> ManagementApi:
        """Return the Management API."""
        if self.api is None:
            raise InvalidRequest(
                "the target project has no access token",
                hint="Give the project one, or leave out the components functions and config.",
                field="access_token",
            )
        return self.api

    def refusals(self, backup: HeldBackup) -> Iterator[HoldfastError]:
        """Yield why components that lie beside the database cannot be brought."""
        if Component.STORAGE in backup.components:
            yield from _refused(lambda: self.door().require_open())
        if Component.FUNCTIONS in backup.components:
            question = Question("the functions", "/functions", FUNCTIONS)
            yield from _refused(lambda: self.management().document(question))
        if Component.CONFIG in backup.components:
            for name in _sections(backup):
                yield from _refused(partial(self._section, name))

    def _section(self, name: str) -> object:
        return services.read_section(self.management(), name)


def _sections(backup: HeldBackup) -> list[str]:
    names = (str(section["section"]) for section in backup.items(CONFIG))
    return [name for name in names if name in services.WRITTEN]


def _refused(work: Callable[[], object]) -> Iterator[HoldfastError]:
    try:
        work()
    except HoldfastError as error:
        yield error
