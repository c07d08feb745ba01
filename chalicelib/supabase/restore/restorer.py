"""Restore a backup into a Supabase project: look, decide, bring everything in order, look again.

What a naive restore loses (triggers on auth.users, policies of Storage, narrow grants, files,
paused jobs) each has its step here; what no backup can hold is listed for people at the end.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager

from chalicelib.domain.errors import Conflict, SourceError, Unsupported
from chalicelib.domain.restore import (
    Preflight,
    RestoreReport,
    Selection,
    TargetState,
    raise_first,
)
from chalicelib.postgres_ports import PlatformTarget, RestoreRequest, Watch
from chalicelib.restore_ports import Workbench
from chalicelib.supabase.management import ManagementApi
from chalicelib.supabase.restore.backup import held_backup
from chalicelib.supabase.restore.outside import Outside
from chalicelib.supabase.restore.run import Run


class SupabaseRestorer:
    """Implement `postgres_ports.Restorer` for targets that are Supabase projects."""

    def __init__(
        self,
        workbench: Workbench,
        pause: Callable[[float], object] | None = None,
    ) -> None:
        """Keep the parts; `pause` waits so many seconds between tries."""
        self._workbench = workbench
        self._pause = pause or threading.Event().wait

    def preflight(self, request: RestoreRequest, watch: Watch) -> Preflight:
        """Say what a restore would meet; changes nothing."""
        with self._prepared(request, watch) as run:
            return run.preflight

    def restore(
        self, request: RestoreRequest, reached: Callable[[TargetState], None], watch: Watch
    ) -> RestoreReport:
        """Restore, then look at the project as its visitors do; see the port."""
        with self._prepared(request, watch) as run:
            raise_first(run.preflight)
            reached(TargetState.PARTIAL)
            try:
                run.bring()
                if run.tally.errors_total == 0:
                    reached(TargetState.RESTORED)
                    run.check()
            except SourceError as error:
                raise run.journal.told(error) from error
            return run.tally.report()

    @contextmanager
    def _prepared(self, request: RestoreRequest, watch: Watch) -> Iterator[Run]:
        platform = _platform(request)
        _require_fitting(request)
        with self._workbench.open(request, watch) as target, ExitStack() as stack:
            backup = held_backup(request.source, request.options.components, target)
            api = None
            if platform.access_token is not None:
                api = stack.enter_context(
                    ManagementApi(platform.settings, platform.access_token, self._pause)
                )
            outside = Outside(platform, api, self._pause)
            yield Run(target, backup, outside)


def _platform(request: RestoreRequest) -> PlatformTarget:
    if request.platform is None:
        raise Unsupported("the target is no project of the platform")
    return request.platform


def _require_fitting(request: RestoreRequest) -> None:
    if request.options.clean or request.options.no_owner:
        raise Unsupported(
            "a Supabase project cannot be restored into with clean or no_owner",
            hint="Both take away grants that its API lives by; restore into a new project.",
        )
    if request.options.selection != Selection():
        raise Unsupported(
            "tables and schemas cannot be chosen for a Supabase project",
            hint="Choose components, or restore into a plain database.",
        )
    if request.source.schema is not None:
        raise Conflict(
            "a backup of type data is not restored into a Supabase project",
            hint="Use a backup of type full.",
        )
