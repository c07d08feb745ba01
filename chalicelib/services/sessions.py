"""Sessions: sign in with an API key, act with its rights, sign out."""

from __future__ import annotations

from dataclasses import dataclass

from chalicelib.domain.access import Actor, hashed, matches, new_secret
from chalicelib.domain.errors import NotFound, Unauthenticated
from chalicelib.domain.record import Insert, Remove
from chalicelib.domain.session import LIFETIME, Session
from chalicelib.services.access import Access
from chalicelib.services.ledger import Ledger


@dataclass(frozen=True)
class Sessions:
    """Keep the sessions of browsers; a key stays what decides, at every request."""

    ledger: Ledger
    access: Access

    def sign_in(self, token: str) -> str:
        """Return the cookie of a new session; Unauthenticated when the key is not valid."""
        # the operator token is no key and opens no session: it lives in one process only
        key = self.access.key_of(token)
        now = self.ledger.clock.now()
        secret = new_secret()
        session = Session(
            id=self.ledger.ids.new(),
            key_id=key.id,
            secret_sha256=hashed(secret),
            created_at=now,
            expires_at=now + LIFETIME,
        )
        event = self.ledger.event(f"key:{key.id}", "session.created", session.id)
        self.ledger.catalog.commit([Insert(session), event])
        return f"{session.id}.{secret}"

    def actor(self, cookie: str) -> Actor:
        """Return who acts behind a cookie; Unauthenticated for every other, without saying why."""
        session = self._session(cookie)
        return self.access.holder(session.key_id)

    def sign_out(self, cookie: str) -> None:
        """End a session at once."""
        session = self._session(cookie)
        event = self.ledger.event(f"key:{session.key_id}", "session.ended", session.id)
        self.ledger.catalog.commit([Remove(session), event])

    def _session(self, cookie: str) -> Session:
        session_id, _, secret = cookie.partition(".")
        if not session_id or not secret or not cookie.isascii():
            raise _ended()
        try:
            session = self.ledger.catalog.get(Session, session_id)
        except NotFound as error:
            raise _ended() from error
        is_over = self.ledger.clock.now() >= session.expires_at
        if is_over or not matches(secret, session.secret_sha256):
            raise _ended()
        return session


def _ended() -> Unauthenticated:
    return Unauthenticated("the session has ended", hint="Sign in again.")
