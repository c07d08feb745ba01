"""Promises of the setting that names Supabase's root certificate."""

from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.secrets import FileSecrets
from chalicelib.bootstrap.platforms import locating
from chalicelib.domain.connection import Connection
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.project import Project, ProjectKind
from chalicelib.domain.supabase import Reached, SupabaseSettings
from chalicelib.domain.supabase_url import direct_endpoint
from chalicelib.settings import Settings

REF = "abcdefghijklmnopqrst"
NOW = datetime(2026, 3, 1, tzinfo=UTC)


def located(folder: Path, **settings: str) -> Connection:
    project = Project(
        id="01JD0000000000000000000000",
        name="shop",
        project_kind=ProjectKind.SUPABASE,
        endpoint=direct_endpoint(REF),
        supabase=SupabaseSettings(ref=REF, reached=Reached.GIVEN),
        created_at=NOW,
        updated_at=NOW,
    )
    said = Settings.model_validate({"data": folder, **settings})
    locate = locating(said, FileSecrets(folder / "secrets.json", folder / "secrets.key"))
    return locate(project, Connection(project.endpoint, "pw"))


@pytest.mark.parametrize(
    ("root", "guard"), [("/roots/supabase.crt", "off"), ("system", "off"), ("system", "on")]
)
def test_it_has_the_server_checked(tmp_path: Path, root: str, guard: str) -> None:
    found = located(tmp_path, supabase_root_certificate=root, host_guard=guard).endpoint

    assert (found.sslmode.value, found.sslrootcert) == ("verify-full", root)


def test_a_file_is_refused_where_hosts_are_guarded(tmp_path: Path) -> None:
    with pytest.raises(InvalidRequest, match="host guard") as raised:
        located(tmp_path, supabase_root_certificate="/roots/supabase.crt", host_guard="on")

    assert "system" in raised.value.hint


def test_without_it_the_connection_is_encrypted_all_the_same(tmp_path: Path) -> None:
    assert located(tmp_path).endpoint.sslmode.value == "require"
