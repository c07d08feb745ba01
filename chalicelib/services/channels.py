"""Channels as administrators ask for them: make, show, change, test, delete."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from pydantic import SecretStr

from chalicelib.domain.access import new_secret
from chalicelib.domain.audit import Notice
from chalicelib.domain.backup import Tags
from chalicelib.domain.channel import (
    MAX_CHANNELS,
    Channel,
    ChannelAddress,
    ChannelKind,
    ChannelResult,
    Delivery,
)
from chalicelib.domain.errors import Conflict, HoldfastError, NotFound
from chalicelib.domain.job import Job, JobArguments, JobKind
from chalicelib.domain.notices import NoticeKind
from chalicelib.domain.record import Insert, Page, Query, Remove, Replace, Write
from chalicelib.ports import Secrets
from chalicelib.services.courier import Courier
from chalicelib.services.jobs import Jobs
from chalicelib.services.ledger import Ledger

Place = Callable[[ChannelKind, str], str]
"""Judge a URL: return the part of it that is no secret, or refuse it with InvalidRequest."""

SECRET_MARK: Final = "hfs_"  # noqa: S105 - a public mark, so that scanners know our secrets


@dataclass(frozen=True)
class NewChannel:
    """Say where to send what; see `Channel` for what is left empty."""

    name: str
    kind: ChannelKind
    url: SecretStr
    events: tuple[NoticeKind, ...] = ()
    projects: tuple[str, ...] = ()
    tags: Tags | None = None
    enabled: bool = True


@dataclass(frozen=True)
class ChannelChanges:
    """Say what to change; None leaves a field as it is. The signing secret always stays."""

    name: str | None = None
    url: SecretStr | None = None
    events: tuple[NoticeKind, ...] | None = None
    projects: tuple[str, ...] | None = None
    tags: Tags | None = None
    enabled: bool | None = None


@dataclass(frozen=True)
class Channels:
    """Keep channels; their addresses go to the secrets only."""

    ledger: Ledger
    secrets: Secrets
    jobs: Jobs
    place: Place

    def create(self, actor: str, new: NewChannel) -> tuple[Channel, str | None]:
        """Store a channel; the secret that signs a webhook's bodies is never to be seen again.

        The address goes first, as with passwords: a crash in between leaves a secret nobody names.
        """
        place = self.place(new.kind, new.url.get_secret_value())
        if len(self.find(Query(Channel, limit=MAX_CHANNELS)).items) >= MAX_CHANNELS:
            raise Conflict(f"there are {MAX_CHANNELS} channels already", hint="Delete one first.")
        now = self.ledger.clock.now()
        channel = Channel(
            id=self.ledger.ids.new(),
            name=new.name,
            channel_kind=new.kind,
            place=place,
            events=new.events,
            projects=new.projects,
            tags=new.tags or {},
            enabled=new.enabled,
            created_at=now,
            updated_at=now,
            created_by=actor,
        )
        signing = SECRET_MARK + new_secret() if new.kind is ChannelKind.WEBHOOK else None
        address = ChannelAddress(
            url=new.url, signing_secret=SecretStr(signing) if signing else None
        )
        self.secrets.put(channel.secret_name, address.written())
        try:
            self.ledger.catalog.commit(
                [Insert(channel), self._event(actor, channel, "channel.created")]
            )
        except HoldfastError:
            self.secrets.delete(channel.secret_name)
            raise
        return channel, signing

    def get(self, channel_id: str) -> Channel:
        """Return a channel; NotFound when there is none."""
        return self.ledger.catalog.get(Channel, channel_id)

    def last_result(self, channel_id: str) -> ChannelResult | None:
        """Return what came of the last try at a channel; None before the first."""
        try:
            return self.ledger.catalog.get(ChannelResult, channel_id)
        except NotFound:
            return None

    def find(self, query: Query[Channel]) -> Page[Channel]:
        """Return one page of channels, newest first."""
        return self.ledger.catalog.find(query)

    def deliveries(self, channel_id: str, query: Query[Delivery]) -> Page[Delivery]:
        """Return one page of a channel's deliveries, newest first; those of 30 days are kept."""
        return self.ledger.catalog.find(
            Query(
                Delivery,
                index=("channel_id", self.get(channel_id).id),
                before_id=query.before_id,
                limit=query.limit,
            )
        )

    def update(self, actor: str, channel_id: str, changes: ChannelChanges) -> Channel:
        """Change a channel; a new URL replaces the old one."""
        channel = self.get(channel_id)
        update = {
            name: value
            for name, value in vars(changes).items()
            if value is not None and name != "url"
        }
        if changes.url is not None:
            update["place"] = self.place(channel.channel_kind, changes.url.get_secret_value())
            self._readdress(channel, changes.url)

        told = {"url": "changed"} if changes.url is not None else {}

        def decide(found: Channel) -> tuple[Write, ...]:
            update["updated_at"] = self.ledger.clock.now()
            changed = found.model_copy(update=update)
            event = self.ledger.change(actor, "channel.updated", (found, changed), "", **told)
            return (Replace(changed), event)

        return self.ledger.apply(Channel, channel_id, decide)

    def delete(self, actor: str, channel_id: str) -> None:
        """Delete a channel; what waited for it is never delivered."""
        channel = self.get(channel_id)
        self.ledger.catalog.commit(
            # the record before its secret: a channel without an address would fail at each delivery
            [Remove(channel), self._event(actor, channel, "channel.deleted")]
        )
        self.secrets.delete(channel.secret_name)

    def test(self, actor: str, channel_id: str) -> Job:
        """Have a worker send a test notice, whether the channel is enabled or not."""
        channel = self.get(channel_id)
        return self.jobs.request_for_service(
            actor, JobKind.CHANNEL_TEST, JobArguments(channel_id=channel.id)
        )

    def _readdress(self, channel: Channel, url: SecretStr) -> None:
        kept = ChannelAddress.model_validate_json(self.secrets.get(channel.secret_name))
        self.secrets.put(channel.secret_name, kept.model_copy(update={"url": url}).written())

    def _event(self, actor: str, channel: Channel, action: str) -> Insert:
        details = {"name": channel.name, "place": channel.place}
        return self.ledger.event(actor, action, channel.id, **details)


@dataclass(frozen=True)
class ChannelTest:
    """Send a test notice for a job."""

    ledger: Ledger
    courier: Courier

    def run(self, job: Job) -> dict[str, object]:
        """Send it now, past the outbox; what came of it is the job's result or its error."""
        channel = self.ledger.catalog.get(Channel, job.arguments.channel_id or "")
        notice = Notice(
            id=job.id,
            at=self.ledger.clock.now(),
            event=NoticeKind.CHANNEL_TEST,
            subject_id=channel.id,
            project_id="",
            body={"name": channel.name},
        )
        self.courier.try_out(channel, notice)
        return {"channel_id": channel.id, "delivered": True}
