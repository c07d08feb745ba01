"""The service on one machine and on AWS services, reached as callers reach it: over HTTP."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from chalicelib.domain.backup import Backup
from tests.support.stack import AWS, SETS, Stack, opened, serving
from tests.support.world import ScriptedEngine


@pytest.fixture(params=SETS)
def stack(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    with opened(request.param, request.config, tmp_path) as made:
        yield made


@pytest.fixture
def aws(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Stack]:
    """The service on AWS services, for promises that only they can break."""
    with opened(AWS, request.config, tmp_path) as made:
        yield made


@pytest.fixture
def api(stack: Stack) -> Iterator[httpx.Client]:
    """A client with an admin's key, of a server at the public URL."""
    with serving(stack.services) as client:
        yield client


@pytest.fixture
def completed(stack: Stack) -> Backup:
    """A backup that a worker without PostgreSQL has taken to its end."""
    backup = stack.request()
    return stack.with_engine(ScriptedEngine()).backup_runner("worker-1").run(backup.id)
