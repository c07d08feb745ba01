"""Keys: make them, show them once, check them, revoke them."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from typing import Final

from chalicelib.domain.access import (
    Actor,
    ApiKey,
    Role,
    hashed,
    join_token,
    matches,
    new_secret,
    split_token,
)
from chalicelib.domain.errors import NotFound, Unauthenticated
from chalicelib.domain.record import Insert, Page, Query, Replace, Write
from chalicelib.services.ledger import Ledger

OPERATOR: Final = "operator"
"""The name of whoever holds the operator token; the names of keys begin otherwise."""


@dataclass(frozen=True)
class NewKey:
    """Say what a key may do; `projects` None reaches all, `expires_at` None never ends."""

    name: str
    role: Role
    projects: tuple[str, ...] | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Access:
    """Answer who a caller is.

    `operator_token` opens the service to the process that built it, for a command line that works
    straight on the store of its own machine; it lives in memory only.
    """

    ledger: Ledger
    operator_token: str | None = None

    def create(self, actor: str, new: NewKey) -> tuple[ApiKey, str]:
        """Store a key; the token returned with it is never to be seen again."""
        secret = new_secret()
        key = ApiKey(
            id=self.ledger.ids.new(),
            name=new.name,
            role=new.role,
            projects=new.projects,
            secret_sha256=hashed(secret),
            created_at=self.ledger.clock.now(),
            created_by=actor,
            expires_at=new.expires_at,
        )
        self.ledger.catalog.commit([Insert(key), self._event(actor, key, "key.created")])
        return key, join_token(key.id, secret)

    def authenticate(self, token: str) -> Actor:
        """Return who holds this token; Unauthenticated for every other one, without saying why."""
        if self.operator_token is not None and matches(token, hashed(self.operator_token)):
            return Actor(OPERATOR, Role.ADMIN)
        return _actor(self.key_of(token))

    def key_of(self, token: str) -> ApiKey:
        """Return the key behind this token; Unauthenticated for every other, as `authenticate`."""
        parts = split_token(token)
        if parts is None:
            raise _refused()
        key_id, secret = parts
        key = self._living(key_id)
        if not matches(secret, key.secret_sha256):
            raise _refused()
        return key

    def holder(self, key_id: str) -> Actor:
        """Return who holds this key now; Unauthenticated when it is no longer valid."""
        return _actor(self._living(key_id))

    def find(self, query: Query[ApiKey]) -> Page[ApiKey]:
        """Return one page of keys, newest first, revoked ones included."""
        return self.ledger.catalog.find(query)

    def revoke(self, actor: str, key_id: str) -> ApiKey:
        """End a key at once; revoking again changes nothing."""

        def decide(key: ApiKey) -> tuple[Write, ...]:
            if key.revoked_at is not None:
                return ()
            ended = key.model_copy(update={"revoked_at": self.ledger.clock.now()})
            return (Replace(ended), self._event(actor, ended, "key.revoked"))

        return self.ledger.apply(ApiKey, key_id, decide)

    def _living(self, key_id: str) -> ApiKey:
        try:
            key = self.ledger.catalog.get(ApiKey, key_id)
        except NotFound as error:
            raise _refused() from error
        if not _alive(key, self.ledger.clock.now()):
            raise _refused()
        return key

    def _event(self, actor: str, key: ApiKey, action: str) -> Insert:
        return self.ledger.event(actor, action, key.id, name=key.name, role=key.role.value)


def _actor(key: ApiKey) -> Actor:
    return Actor(f"key:{key.id}", key.role, key.projects)


def _alive(key: ApiKey, now: datetime) -> bool:
    ended = key.expires_at is not None and now >= key.expires_at
    return key.revoked_at is None and not ended


def _refused() -> Unauthenticated:
    return Unauthenticated("no valid API key was sent")
