"""The lane of retention: a hundred thousand drawn histories, each held against the oracle.

python -m tests.soak retention [--histories 100000] [--seed 1]
"""

from __future__ import annotations

import time
from collections import Counter
from dataclasses import dataclass, field

from chalicelib.domain.retention.facts import Standing
from chalicelib.domain.retention.plan import Plan, plan
from tests.soak.report import Report, bound_95, sized
from tests.support.retention_histories import history_of
from tests.support.retention_oracle import violations

LONG_EVERY = 50
"""One history in so many is ten times as long."""
MOST_FAILURES = 5


@dataclass
class _Tally:
    histories: int = 0
    backups: int = 0
    removed: int = 0
    validated_removed: int = 0
    freezes: Counter[str] = field(default_factory=Counter)
    failures: list[str] = field(default_factory=list)

    def take(self, planned: Plan) -> None:
        gone = [verdict.facts for verdict in planned.verdicts if not verdict.keep]
        self.histories += 1
        self.backups += len(planned.verdicts)
        self.removed += len(gone)
        self.validated_removed += sum(one.standing is Standing.VALIDATED for one in gone)
        self.freezes.update(freeze.reason.value for freeze in planned.survey.frozen)


def run(arguments: list[str]) -> Report:
    """Plan so many histories and let the oracle look at each plan."""
    histories, seed = sized("retention", "histories", 100_000, arguments)
    began = time.perf_counter()
    tally = _Tally()
    for drawn in range(seed, seed + histories):
        _play(drawn, tally)
        if len(tally.failures) >= MOST_FAILURES:
            break
    return Report(
        "retention",
        {
            "first seed": seed,
            "histories": tally.histories,
            "backups judged": tally.backups,
            "backups removed": tally.removed,
            "validated ones removed": tally.validated_removed,
            **{f"frozen by {reason}": count for reason, count in sorted(tally.freezes.items())},
            "violations": len(tally.failures),
            "95 % bound on a wrong plan": f"{bound_95(tally.histories):.4%}",
            "histories per second": round(tally.histories / (time.perf_counter() - began)),
        },
        tuple(tally.failures),
    )


def _play(seed: int, tally: _Tally) -> None:
    history = history_of(seed, 400 if seed % LONG_EVERY == 0 else 40)
    planned = plan(history.policy, history.situation, history.backups)
    tally.take(planned)
    again = f"python -m tests.soak retention --seed {seed} --histories 1"
    tally.failures += [f"{sentence}: {again}" for sentence in violations(history, planned)[:1]]
