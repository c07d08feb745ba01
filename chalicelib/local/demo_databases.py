"""The databases behind `holdfast up --demo`: a shop, its billing, an empty one to restore to."""

from __future__ import annotations

from typing import Final

from chalicelib.domain.connection import Connection
from chalicelib.local.demo import create, own_session
from chalicelib.local.postgres import LocalPostgres
from chalicelib.local.sample_data import load

SHOP: Final = "shop"
BILLING: Final = "billing"
STAGING: Final = "staging"
NAMES: Final = (SHOP, BILLING, STAGING)
SHOP_MB: Final = 3
NOTES: Final = 400
"""How many rows come in between two runs; every third time many more do."""

_BILLING: Final = """
CREATE TABLE public.invoices (
    id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    customer text NOT NULL,
    amount numeric(12, 2) NOT NULL CHECK (amount > 0),
    issued_at timestamptz NOT NULL DEFAULT now()
);
"""
_INVOICES: Final = """
INSERT INTO public.invoices (customer, amount)
SELECT md5(n::text), n %% 900 + 1 FROM generate_series(1, %s) AS n
"""
_MORE_NOTES: Final = """
INSERT INTO shop.notes SELECT gen_random_uuid(), current_user, md5(random()::text)
FROM generate_series(1, %s)
"""


class DemoDatabases:
    """Make the databases on a server, let them grow, take the server away for a while."""

    def __init__(self, server: LocalPostgres) -> None:
        """Keep the server, which must run."""
        self._server = server
        self._is_up = True
        self._grown = 0

    def make(self) -> None:
        """Make them all, with rows in all but the last."""
        for name in NAMES:
            create(self._server, name)
        with own_session(self.connection(SHOP)) as rows:
            load(rows, SHOP_MB)
        with own_session(self.connection(BILLING)) as rows:
            rows.execute(_BILLING)
            rows.execute(_INVOICES, (20 * NOTES,))

    def connection(self, name: str) -> Connection:
        """Return how a database is reached."""
        return self._server.connection(name)

    def grow(self) -> None:
        """Let rows come in, as they do between two runs; none while the server is down."""
        if not self._is_up:
            return
        self._grown += 1
        count = NOTES * (5 if self._grown % 3 == 0 else 1)
        with own_session(self.connection(SHOP)) as rows:
            rows.execute(_MORE_NOTES, (count,))
        with own_session(self.connection(BILLING)) as rows:
            rows.execute(_INVOICES, (count,))

    def go_down(self) -> None:
        """Stop the server."""
        self._server.stop()
        self._is_up = False

    def come_back(self) -> None:
        """Start the server again, where it was."""
        self._server.start()
        self._is_up = True
