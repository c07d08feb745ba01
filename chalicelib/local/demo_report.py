"""What the demo found: the comparison, how long each step took, and whether all is equal."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from chalicelib.local.comparison import Difference


@dataclass(frozen=True)
class Totals:
    """Sum the comparison up."""

    rows: int
    different: int


@dataclass(frozen=True)
class DemoReport:
    """Say what was shown; `seconds` maps each step to how long it took."""

    differences: tuple[Difference, ...]
    seconds: Mapping[str, float]
    stored_bytes: int
    raw_bytes: int
    sha256: str
    kept: Path | None

    @property
    def equal(self) -> bool:
        """Whether everything that was compared is equal, and something was."""
        return bool(self.differences) and all(d.equal for d in self.differences)

    @property
    def bytes_per_s(self) -> float:
        """Raw bytes per second of the whole backup, its verification included."""
        return self.raw_bytes / max(self.seconds["backup"], 0.001)

    def totals(self) -> Totals:
        """Count rows and differences."""
        tables = [d for d in self.differences if d.what.startswith("table ") and d.source]
        return Totals(
            rows=sum(d.source.count for d in tables if d.source),
            different=sum(not d.equal for d in self.differences),
        )

    def to_json(self) -> dict[str, object]:
        """Return the report as `--json` prints it; field names are stable."""
        totals = self.totals()
        return {
            "equal": self.equal,
            "rows": totals.rows,
            "different": [d.what for d in self.differences if not d.equal],
            "compared": len(self.differences),
            "bytes": self.stored_bytes,
            "raw_bytes": self.raw_bytes,
            "bytes_per_s": round(self.bytes_per_s),
            "sha256": self.sha256,
            "seconds": {step: round(value, 3) for step, value in self.seconds.items()},
            "kept": str(self.kept) if self.kept else None,
        }
