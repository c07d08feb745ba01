"""Promises of finding the way to a project's database, without any network."""

from __future__ import annotations

import socket
from dataclasses import dataclass, field

import pytest

from chalicelib.domain.connection import Connection, SslMode
from chalicelib.domain.errors import (
    AuthenticationFailed,
    HoldfastError,
    Internal,
    PermissionDenied,
    SourceUnreachable,
)
from chalicelib.domain.supabase import Reached, SupabaseSettings
from chalicelib.domain.supabase_url import direct_endpoint
from chalicelib.supabase.addresses import Locator, takes_connections
from chalicelib.supabase.management import Pooler

REF = "abcdefghijklmnopqrst"
POOLER = Pooler("aws-0-eu-central-1.pooler.supabase.com", 6543, f"postgres.{REF}", "postgres")
DIRECT = Connection(direct_endpoint(REF, "holdfast_reader"), "pw")


@dataclass
class Net:
    """Answer as the Management API and the network would; remember who was knocked at."""

    pooler: Pooler | HoldfastError = POOLER
    direct_answers: bool = False
    knocks: list[tuple[str, int]] = field(default_factory=list)

    def asked(self, settings: SupabaseSettings) -> Pooler:
        if isinstance(self.pooler, HoldfastError):
            raise self.pooler
        return self.pooler

    def answers(self, host: str, port: int) -> bool:
        self.knocks.append((host, port))
        return self.direct_answers

    def locator(self, root: str | None = None) -> Locator:
        return Locator(self.asked, self.answers, root)


def settings(reached: Reached = Reached.RESOLVED) -> SupabaseSettings:
    return SupabaseSettings(ref=REF, reached=reached)


def test_the_session_pooler_is_the_usual_way() -> None:
    net = Net(direct_answers=True)

    found = net.locator().located(settings(), DIRECT)

    assert (found.endpoint.host, found.endpoint.port) == (POOLER.host, 5432)
    assert (found.endpoint.user, found.password) == (f"holdfast_reader.{REF}", "pw")
    assert net.knocks == []


@pytest.mark.parametrize(
    "error",
    [SourceUnreachable("down"), PermissionDenied("no scope"), AuthenticationFailed("no token")],
)
def test_without_the_pooler_the_database_itself_is_tried(error: HoldfastError) -> None:
    net = Net(error, direct_answers=True)

    assert net.locator().located(settings(), DIRECT) == DIRECT
    assert net.knocks == [(f"db.{REF}.supabase.co", 5432)]


def test_without_any_way_it_is_said_what_would_help() -> None:
    with pytest.raises(SourceUnreachable, match="does not answer from here") as raised:
        Net(SourceUnreachable("down")).locator().located(settings(), DIRECT)

    assert "IPv6" in raised.value.hint


def test_a_missing_scope_is_told_as_it_is() -> None:
    with pytest.raises(PermissionDenied, match="no scope"):
        Net(PermissionDenied("no scope")).locator().located(settings(), DIRECT)


def test_who_pasted_the_direct_url_goes_there_where_that_works() -> None:
    reached = settings(Reached.DIRECT)

    assert Net(direct_answers=True).locator().located(reached, DIRECT) == DIRECT
    assert Net().locator().located(reached, DIRECT).endpoint.host == POOLER.host


def test_a_database_with_ipv6_only_is_knocked_at_once() -> None:
    net = Net(SourceUnreachable("down"))

    with pytest.raises(SourceUnreachable):
        net.locator().located(settings(Reached.DIRECT), DIRECT)

    assert len(net.knocks) == 1


def test_a_given_address_is_never_changed() -> None:
    net = Net(SourceUnreachable("down"))

    assert net.locator().located(settings(Reached.GIVEN), DIRECT) == DIRECT
    assert net.knocks == []


@pytest.mark.parametrize("host", ["pooler.example.org", "127.0.0.1", "x.pooler.supabase.com.evil"])
def test_a_password_goes_to_the_platforms_poolers_only(host: str) -> None:
    strange = Pooler(host, 5432, "postgres", "postgres")

    with pytest.raises(Internal, match="not Supabase's"):
        Net(strange).locator().located(settings(), DIRECT)


@pytest.mark.parametrize("root", ["/certificates/prod.crt", "system"])
def test_with_a_root_certificate_the_servers_name_is_checked(root: str) -> None:
    found = Net().locator(root).located(settings(), DIRECT).endpoint

    assert (found.sslmode, found.sslrootcert) == (SslMode.VERIFY_FULL, root)


def test_a_server_elsewhere_is_not_held_to_the_platforms_root() -> None:
    elsewhere = Connection(DIRECT.endpoint.model_copy(update={"host": "db.example.org"}), "pw")

    found = Net().locator("system").located(settings(Reached.GIVEN), elsewhere)

    assert found == elsewhere


def test_whether_a_host_takes_connections_is_found_out_by_connecting() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]

        assert takes_connections("127.0.0.1", port)

    assert not takes_connections("127.0.0.1", port)
