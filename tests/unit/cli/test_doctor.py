from __future__ import annotations

from pathlib import Path

import pytest

from chalicelib.cli.doctor import Verdict, client_finding
from chalicelib.engine.clients import Client
from chalicelib.engine.versions import parse


def _client(version: str = "18.7", *, has_tls: bool = True) -> Client:
    return Client(Path("/opt/pg/bin"), parse(version), has_tls, has_zstd=True)


@pytest.mark.parametrize(
    ("client", "policy", "verdict"),
    [
        (_client(), "refuse", Verdict.OK),
        (_client(has_tls=False), "warn", Verdict.WARNING),
        (_client("18.6"), "warn", Verdict.WARNING),
        (_client("18.6"), "refuse", Verdict.MISSING),
    ],
)
def test_a_client_is_judged_by_tls_and_known_holes(
    client: Client, policy: str, verdict: Verdict
) -> None:
    assert client_finding(client, floor_policy=policy).verdict is verdict
