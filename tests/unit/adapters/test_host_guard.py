"""Promises of the guard: one resolution, all addresses public, one answer to every refusal."""

from __future__ import annotations

import subprocess
import sys
from threading import Event

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.host_guard import (
    FLOOR_S,
    MAX_ADDRESSES,
    PublicHosts,
    resolved_within,
    system_resolve,
)
from tests.support.servers import ROOT
from tests.support.world import TurnedClock

PUBLIC = ("1.1.1.1", "2606:4700::1111", "8.8.8.8", "9.9.9.9", "8.8.4.4")
INNER = ("127.0.0.1", "::1", "10.0.0.1", "fd00:ec2::254", "::ffff:8.8.8.8", "fe80::1%lo", "junk")


def guard(*found: str, waits: list[float] | None = None) -> PublicHosts:
    waited = [] if waits is None else waits
    return PublicHosts(lambda host: found, TurnedClock(), waited.append)


def test_public_addresses_are_given_in_the_resolvers_order() -> None:
    assert guard(*PUBLIC[:2]).addresses("db.example.org") == PUBLIC[:2]


def test_no_more_addresses_are_given_than_a_caller_waits_for() -> None:
    assert guard(*PUBLIC).addresses("db.example.org") == PUBLIC[:MAX_ADDRESSES]


@given(st.permutations([*PUBLIC, "10.0.0.1"]))
def test_one_inner_address_refuses_all_wherever_it_stands(found: list[str]) -> None:
    assert guard(*found).addresses("db.example.org") == ()


@pytest.mark.parametrize("address", INNER)
def test_an_inner_address_is_not_given(address: str) -> None:
    assert guard(address).addresses("db.example.org") == ()


@pytest.mark.parametrize("found", [(), ("10.0.0.1",), ("1.1.1.1", "10.0.0.1")])
def test_every_refusal_takes_the_same_time(found: tuple[str, ...]) -> None:
    waits: list[float] = []

    guard(*found, waits=waits).addresses("db.example.org")

    assert waits == [FLOOR_S]


@pytest.mark.parametrize(("host", "given_back"), [("1.1.1.1", ("1.1.1.1",)), ("10.0.0.1", ())])
def test_an_address_is_judged_and_never_resolved(host: str, given_back: tuple[str, ...]) -> None:
    def resolve(name: str) -> tuple[str, ...]:
        raise AssertionError(name)

    waits: list[float] = []
    assert PublicHosts(resolve, TurnedClock(), waits.append).addresses(host) == given_back


def test_a_name_is_resolved_once() -> None:
    asked: list[str] = []
    waits: list[float] = []

    def resolve(name: str) -> tuple[str, ...]:
        asked.append(name)
        return PUBLIC

    PublicHosts(resolve, TurnedClock(), waits.append).addresses("db.example.org")

    assert asked == ["db.example.org"]


def test_the_system_knows_this_machine() -> None:
    assert "127.0.0.1" in system_resolve("localhost")


@pytest.mark.parametrize(
    "name", ["no-such-host.invalid", "a" * 70 + ".invalid", "\ud800.invalid", "a\0.invalid"]
)
def test_a_name_the_system_cannot_resolve_has_no_address(name: str) -> None:
    assert system_resolve(name) == ()


def test_a_resolver_that_does_not_answer_in_time_knows_no_address() -> None:
    answer = Event()

    def silent(host: str) -> tuple[str, ...]:
        answer.wait(30)
        return PUBLIC

    found = resolved_within(0.05, silent, "db.example.org")

    answer.set()
    assert found == ()


def test_a_look_up_that_hangs_keeps_no_process_from_ending() -> None:
    program = """
from threading import Event
from chalicelib.adapters.host_guard import resolved_within
print(resolved_within(0.05, lambda host: Event().wait() or (), "db.example.org"))
"""
    command = [sys.executable, "-c", program]
    ended = subprocess.run(command, cwd=ROOT, capture_output=True, timeout=30, check=False)

    assert (ended.returncode, ended.stdout, ended.stderr) == (0, b"()\n", b"")
