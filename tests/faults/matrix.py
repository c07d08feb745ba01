"""All cells of the matrix, and what of the sheet is tested elsewhere or not at all."""

from __future__ import annotations

from typing import Final

from tests.faults import at_rest, clients, source, storage, workers

CELLS: Final = (*source.CELLS, *clients.CELLS, *workers.CELLS, *storage.CELLS, *at_rest.CELLS)
LEFT_OUT: Final = (
    "F3 conflict with recovery: no standby here; its message is tested in tests/unit/engine",
    "F7 stale index: the service decides by records it reads by id, never by an index",
    "F12 parts of exact sizes and 10,000 parts: tests/unit/services, tests/contracts",
    "F13 another version made current: the same to us as a swap; SeaweedFS keeps no versions here",
)
