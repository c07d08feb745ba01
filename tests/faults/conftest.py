"""One stand per set of adapters and test process, made when it is first asked for."""

from __future__ import annotations

from collections.abc import Iterator

import pytest

from tests.faults.stand import Stand, opened
from tests.support.ministack import ministack_of
from tests.support.seaweedfs import seaweedfs_of
from tests.support.stack import AWS, EMBEDDED


@pytest.fixture(scope="session")
def embedded() -> Iterator[Stand]:
    """The service of one machine."""
    with opened(EMBEDDED) as stand:
        yield stand


@pytest.fixture(scope="session")
def aws(request: pytest.FixtureRequest) -> Iterator[Stand]:
    """The service over the servers that stand behind AWS adapters in all tests."""
    config = request.config
    with opened(AWS, lambda held: (seaweedfs_of(config), ministack_of(config))) as stand:
        yield stand
