"""Make what does the PostgreSQL work, loading psycopg only then."""

from __future__ import annotations

import threading
from pathlib import Path
from typing import TYPE_CHECKING

from chalicelib.ports import Clock
from chalicelib.postgres_ports import Engine, Restorer
from chalicelib.settings import Settings

if TYPE_CHECKING:
    from chalicelib.engine.asking import PostgresAsker


def postgres_engine(settings: Settings, scratch: Path, clock: Clock) -> Engine:
    """Return the PostgreSQL engine, loading psycopg only now."""
    from chalicelib.adapters.host_guard import PublicHosts, system_resolve
    from chalicelib.engine.engine import EngineSettings, PostgresEngine

    guard = PublicHosts(system_resolve, clock, threading.Event().wait)
    return PostgresEngine(
        EngineSettings(
            client_dirs=settings.client_dirs,
            floor_policy=settings.floor_policy,
            lock_timeout_s=settings.lock_timeout_s,
            scratch_dir=scratch,
            guard=guard if settings.guards_hosts else None,
        ),
        clock,
    )


def postgres_asker(settings: Settings, clock: Clock) -> PostgresAsker:
    """Return what puts questions to databases, loading psycopg only now."""
    from chalicelib.adapters.host_guard import PublicHosts, system_resolve
    from chalicelib.engine.asking import PostgresAsker

    guard = PublicHosts(system_resolve, clock, threading.Event().wait)
    return PostgresAsker(settings.lock_timeout_s, guard if settings.guards_hosts else None)


def postgres_restorer(settings: Settings, scratch: Path, clock: Clock) -> Restorer:
    """Return what restores into PostgreSQL, loading psycopg only now."""
    from chalicelib.adapters.host_guard import PublicHosts, system_resolve
    from chalicelib.engine.clients import Clients, default_folders
    from chalicelib.engine.restore.hold import RestorerSettings
    from chalicelib.engine.restore.restorer import PostgresRestorer
    from chalicelib.services.restore_by_target import RestorerByTarget

    guard = PublicHosts(system_resolve, clock, threading.Event().wait)
    kept = RestorerSettings(
        clients=Clients(default_folders(settings.client_dirs)),
        floor_policy=settings.floor_policy,
        lock_timeout_s=settings.lock_timeout_s,
        scratch_dir=scratch,
        guard=guard if settings.guards_hosts else None,
    )

    def of_supabase() -> Restorer:
        from chalicelib.engine.restore.workbench import PostgresWorkbench
        from chalicelib.supabase.restore.restorer import SupabaseRestorer

        return SupabaseRestorer(PostgresWorkbench(kept, clock))

    return RestorerByTarget(PostgresRestorer(kept, clock), of_supabase)
