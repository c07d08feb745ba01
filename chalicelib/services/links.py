"""Links: expiring tokens that hand out an artefact, and their redemption."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Final

from chalicelib.domain.access import hashed, matches, new_secret
from chalicelib.domain.backup import Backup, Chore, Status
from chalicelib.domain.errors import Conflict, InvalidRequest, NotFound
from chalicelib.domain.link import MAX_LIFETIME, SIGNED_FOR, Link, gone, redeemed
from chalicelib.domain.object_keys import MANIFEST, RECOVERY, artefact_key
from chalicelib.domain.record import Insert, Page, Query, Replace, Write
from chalicelib.domain.storage_file import file_number
from chalicelib.ports import ObjectStore
from chalicelib.services.ledger import Ledger

DEFAULT_LIFETIME: Final = timedelta(hours=24)
_PLAIN_TEXTS: Final = (MANIFEST, RECOVERY)


@dataclass(frozen=True)
class NewLink:
    """Say what to hand out; `artefact` None is the dump itself."""

    artefact: str | None = None
    lifetime: timedelta = DEFAULT_LIFETIME
    max_uses: int = 1


@dataclass(frozen=True)
class Links:
    """Make, list, revoke links. Redeeming is `LinkSigner`'s, which alone may reach objects."""

    ledger: Ledger

    def create(self, actor: str, backup: Backup, new: NewLink) -> tuple[Link, str]:
        """Store a link for a completed backup; its token is never to be seen again."""
        if backup.status is not Status.COMPLETED or backup.chore is Chore.DELETE:
            raise Conflict(
                f"backup is {backup.status}, there is nothing to download",
                hint="Links are for completed backups.",
            )
        if not timedelta(0) < new.lifetime <= MAX_LIFETIME:
            raise InvalidRequest(
                f"a link lives between a second and {MAX_LIFETIME.days} days", field="lifetime"
            )
        now = self.ledger.clock.now()
        secret = new_secret()
        link = Link(
            id=self.ledger.ids.new(),
            backup_id=backup.id,
            project_id=backup.project_id,
            artefact=_artefact_name(backup, new.artefact),
            token_sha256=hashed(secret),
            created_at=now,
            created_by=actor,
            expires_at=now + new.lifetime,
            max_uses=new.max_uses,
        )
        self.ledger.catalog.commit([Insert(link), _event(self.ledger, actor, link, "link.created")])
        return link, f"{link.id}.{secret}"

    def find(self, backup_id: str, query: Query[Link]) -> Page[Link]:
        """Return one page of a backup's links, newest first."""
        return self.ledger.catalog.find(
            Query(
                Link,
                index=("backup_id", backup_id),
                before_id=query.before_id,
                limit=query.limit,
            )
        )

    def look(self, token: str) -> Link:
        """Return what a token is for without using it up; NotFound for one that does not work."""
        link_id, secret = _parted(token)
        try:
            link = self.ledger.catalog.get(Link, link_id)
        except NotFound as error:
            raise gone() from error
        if not matches(secret, link.token_sha256):
            raise gone()
        # asked for its refusals only: nothing is written, so no use is spent
        redeemed(link, self.ledger.clock.now())
        return link

    def revoke(self, actor: str, backup_id: str, link_id: str) -> None:
        """End a link at once; revoking again changes nothing."""

        def decide(link: Link) -> tuple[Write, ...]:
            if link.backup_id != backup_id:
                raise NotFound("there is no such link")
            if link.revoked_at is not None:
                return ()
            ended = link.model_copy(update={"revoked_at": self.ledger.clock.now()})
            return (Replace(ended), _event(self.ledger, actor, ended, "link.revoked"))

        self.ledger.apply(Link, link_id, decide)


@dataclass(frozen=True)
class LinkSigner:
    """Turn a link's token into a short-lived URL of the object store."""

    ledger: Ledger
    store: ObjectStore

    def redeem(self, token: str) -> str:
        """Return a signed URL; NotFound for every token that does not work, without saying why."""
        link_id, secret = _parted(token)
        try:
            link = self.ledger.apply(Link, link_id, lambda found: self._decide(found, secret))
            backup = self.ledger.catalog.get(Backup, link.backup_id)
        except NotFound as error:
            raise gone() from error
        if backup.status is not Status.COMPLETED or backup.chore is Chore.DELETE:
            raise gone()
        now = self.ledger.clock.now()
        return self.store.presign(
            artefact_key(backup, link.artefact),
            filename=f"{backup.id}-{link.artefact.replace('/', '-')}",
            # a signed URL cannot be taken back, so it must not outlive its link
            lifetime=min(SIGNED_FOR, link.expires_at - now),
            now=now,
        )

    def _decide(self, link: Link, secret: str) -> tuple[Write, ...]:
        if not matches(secret, link.token_sha256):
            raise gone()
        after = redeemed(link, self.ledger.clock.now())
        if after is link:
            return ()
        return (Replace(after), _event(self.ledger, "link", after, "link.redeemed"))


def _parted(token: str) -> tuple[str, str]:
    link_id, _, secret = token.partition(".")
    if not link_id or not secret or not token.isascii():
        raise gone()
    return link_id, secret


def _artefact_name(backup: Backup, wanted: str | None) -> str:
    main = backup.main_artefact
    name = wanted or (main.name if main else "")
    if name in _PLAIN_TEXTS or any(a.name == name for a in backup.artefacts):
        return name
    if _is_file(backup, name):
        return name
    raise InvalidRequest("the backup has no such artefact", field="artefact")


def _is_file(backup: Backup, name: str) -> bool:
    """Tell whether a file of the storage may have this number: which have one, the listing says."""
    number = file_number(name)
    if number is None or backup.files is None:
        return False
    return number <= backup.files.files + backup.files.missing


def _event(ledger: Ledger, actor: str, link: Link, action: str) -> Insert:
    details = {"link": link.id, "artefact": link.artefact, "uses": str(link.uses)}
    return ledger.event(actor, action, link.backup_id, link.project_id, **details)
