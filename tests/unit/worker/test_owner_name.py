"""Promises of the name under which a worker holds leases."""

from __future__ import annotations

import os
from datetime import timedelta

import pytest

from chalicelib.adapters.system import SystemClock, UlidIds
from chalicelib.domain import runs
from chalicelib.domain.backup import Backup, Status, Step
from chalicelib.domain.errors import LeaseLost
from chalicelib.domain.runs import Claim, Stamp
from chalicelib.worker.__main__ import owner_name

CLOCK = SystemClock()


def stamp(owner: str) -> Stamp:
    return Stamp(now=CLOCK.now(), actor=owner, audit_id="audit", notice_id="notice")


def test_two_workers_with_one_host_name_and_process_id_never_share_a_name() -> None:
    instances = [UlidIds(CLOCK) for _ in range(500)]

    assert len({owner_name(ids) for ids in instances}) == 500


def test_the_name_says_where_the_worker_runs() -> None:
    host, pid, _ = owner_name(UlidIds(CLOCK)).split(":")

    assert (host, pid) == (os.uname().nodename, str(os.getpid()))


def test_a_step_in_the_hands_of_a_twin_is_not_ours() -> None:
    mine, twins = (owner_name(UlidIds(CLOCK)) for _ in range(2))
    claim = Claim(Step.DUMP, CLOCK.now() + timedelta(hours=1), attempt=1)
    backup = Backup(id="1", project_id="2", name="n", requested_by="x", created_at=CLOCK.now())
    held = runs.claimed(backup, stamp(twins), claim)[0].record

    assert isinstance(held, Backup)
    assert held.status is Status.IN_PROGRESS
    with pytest.raises(LeaseLost):
        runs.claimed(held, stamp(mine), claim)
