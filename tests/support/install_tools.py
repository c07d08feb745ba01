"""Install the servers that tests need, before any test's time runs: once per checkout.

    python -m tests.support.install_tools

A server that cannot be installed is named here, and again by each test that is skipped for it.
"""

from __future__ import annotations

import sys

import pytest

from tests.support import majors, ministack, seaweedfs
from tests.support.servers import installed


def main() -> int:
    """Install what is missing; always 0, because a missing server leaves out its lane only."""
    for name, requirement in (
        ("seaweedfs", seaweedfs.REQUIREMENT),
        ("ministack", ministack.REQUIREMENT),
    ):
        print(f"installing {requirement} for the tests of the AWS adapters, if it is not there")
        try:
            installed(name, requirement)
        except pytest.skip.Exception as reason:
            print(f"LEFT OUT: all tests over {requirement}: {reason}")
    for major in majors.MAJORS:
        try:
            print(f"PostgreSQL {major} for the zoo: {majors.programs_of(major).version}")
        except pytest.skip.Exception as reason:
            print(f"LEFT OUT: {reason}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
