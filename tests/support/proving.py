"""Prove dumps the way the services do, with pieces to change in between."""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from typing import Final

from chalicelib.domain.block_digest import BlockDigest
from chalicelib.domain.proof import ProofLevel, ProofReport
from chalicelib.postgres_ports import ProofRequest, Watch
from tests.support.dumping import Bystander, Dumped, Dumper, unpacked

PASSING: Final = re.compile(r"\\(?:un)?restrict|-- (?:Started|Completed|TOC entry|Dependencies)")


@dataclass
class Prover:
    """Prove with one engine; `told` are the names and sentences of what came out."""

    dumper: Dumper

    def blocks(self, dumped: Dumped) -> tuple[BlockDigest, ...]:
        """Return the digests that a verification of the dump puts on record."""
        plan = dumped.plan
        return self.dumper.engine.check(
            plan.format, plan.compression, iter([dumped.main]), Bystander()
        ).blocks

    def normalised(self, dumped: Dumped) -> list[str]:
        """Return the lines of a plain dump without those that differ from run to run."""
        # what names itself by an object id, and comments with the time, tell nothing
        lines = unpacked(dumped).decode().splitlines()
        return [line for line in lines if not PASSING.match(line)]

    def request(self, dumped: Dumped, **changes: object) -> ProofRequest:
        plan = dumped.plan
        made = ProofRequest(
            level=ProofLevel.DIGESTS,
            type=plan.type,
            format=plan.format,
            compression=plan.compression,
            server_version=plan.server_version,
            client_version=plan.client_version,
            counts=dumped.result.counts,
            blocks=(),
            stored_bytes=len(dumped.main),
        )
        return replace(made, **changes)  # type: ignore[arg-type]  # the names are the caller's

    def prove(self, dumped: Dumped, watch: Watch | None = None, **changes: object) -> ProofReport:
        request = self.request(dumped, **changes)
        return self.dumper.engine.prove(
            request, lambda name: iter([dumped.files[name]]), watch or Bystander()
        )


def different(report: ProofReport) -> set[str]:
    """Name what differs."""
    return {difference.what for difference in report.differences}
