"""The dead-man's switch is called after a sweep, over a real socket, and by nobody else."""

from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.bootstrap.services import Services, embedded
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.sweep_state import SWEEPER, SweepState
from chalicelib.settings import Settings
from tests.support.receiver import receiver

CANARY = "canary-of-a-switch-20fe"


def service(folder: Path, url: str) -> Services:
    return embedded(Settings.read({"HOLDFAST_DATA": str(folder), "HOLDFAST_HEARTBEAT_URL": url}))


def state_of(services: Services) -> SweepState:
    return services.ledger.catalog.get(SweepState, SWEEPER)


def test_a_healthy_sweep_calls_the_url(tmp_path: Path) -> None:
    with receiver() as server:
        services = service(tmp_path, server.url(f"/{CANARY}"))

        services.sweeper.sweep()

    assert [request.path for request in server.requests] == [f"/{CANARY}"]
    assert state_of(services).heartbeat_at is not None


def test_a_refusal_is_kept_without_the_url(tmp_path: Path) -> None:
    with receiver() as server:
        server.status = 404
        services = service(tmp_path, server.url(f"/{CANARY}"))

        services.sweeper.sweep()

    error = state_of(services).heartbeat_error
    assert error is not None
    assert error.message == "the dead-man's switch answered with status 404"
    assert not any(CANARY.encode() in p.read_bytes() for p in tmp_path.rglob("*") if p.is_file())


def test_workers_never_learn_the_url(tmp_path: Path) -> None:
    settings = service(tmp_path, f"https://ping.example.org/{CANARY}").settings

    assert CANARY not in f"{settings.to_environment()}{settings!r}"
    assert "HOLDFAST_HEARTBEAT_URL" not in settings.to_environment()


def test_a_url_that_cannot_be_stops_the_service_and_is_not_repeated(tmp_path: Path) -> None:
    services = service(tmp_path, f"ftp://{CANARY}")

    with pytest.raises(InvalidRequest) as refused:
        _ = services.sweeper

    assert CANARY not in f"{refused.value.message}{refused.value.hint}"
