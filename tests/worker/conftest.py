"""A service with a scripted engine, for steps that are called one by one."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.world import World, build_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    return build_world(tmp_path)
