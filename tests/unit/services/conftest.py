"""The world that tests of the services live in."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.support.world import World, build_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    """Give an empty world."""
    return build_world(tmp_path)
