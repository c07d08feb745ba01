"""Hold the evidence of a case to the invariants; a pure function from evidence to sentences.

INV1 a completed backup is whole, read back, signed, and its child exited with 0
INV2 one attempt wins; a final state is final; no lease generation is used twice
INV3 nothing stays unfinished once leases and grace are over; a living holder is not reaped
INV6 nothing is left that no completed backup names; an end is told after its clean-up
INV7 nothing of one project reaches another, no password reaches anything that is stored

INV5, on schedules, stands in `schedule_checker`; INV4 (retention) waits for what it speaks of.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from chalicelib.domain.backup import MOVES, Backup, Status
from chalicelib.domain.errors import IntegrityFailed
from chalicelib.domain.manifest import digest, parse_envelope
from chalicelib.domain.object_keys import MANIFEST, RECOVERY, artefact_key, attempt_prefix
from tests.simulation.history import Evidence
from tests.simulation.schedule_checker import (
    instants_are_accounted_for,
    misses_are_told,
    runs_are_had_once,
)

Check = Callable[[Evidence], Iterator[str]]


def violations(evidence: Evidence) -> tuple[str, ...]:
    """Return a sentence for everything that must not be."""
    found = [sentence for check in CHECKS for sentence in check(evidence)]
    return (*(f"BROKEN: {problem}" for problem in evidence.problems), *found)


def completed_is_whole(evidence: Evidence) -> Iterator[str]:
    for backup in _completed(evidence):
        if backup.chore is None:
            yield from (f"INV1: {backup.id}: {what}" for what in _missing(backup, evidence))


def _missing(backup: Backup, evidence: Evidence) -> Iterator[str]:
    run_id = f"{backup.id}-{backup.attempt}"
    dumps = {d.content: d for d in evidence.history.dumps if d.run_id == run_id}
    if not backup.validated or not backup.artefacts:
        yield "completed without a verification"
    for artefact in backup.artefacts:
        content = evidence.objects.get(artefact.key)
        dump = dumps.get(content) if content is not None else None
        if content is None:
            yield f"{artefact.name} is not there"
        elif dump is None:
            yield f"{artefact.name} is not what the engine dumped for this attempt"
        elif dump.exit_code != 0:
            yield "its child did not exit with 0"
        elif hashlib.sha256(content).hexdigest() != artefact.checksum.value:
            yield "the recorded checksum is not that of the object"
        elif artefact.checksum.value not in evidence.history.read_whole:
            yield f"{artefact.name} was never read in full"
    yield from _unsealed(backup, evidence)


def _unsealed(backup: Backup, evidence: Evidence) -> Iterator[str]:
    envelope = evidence.objects.get(artefact_key(backup, MANIFEST))
    if envelope is None or artefact_key(backup, RECOVERY) not in evidence.objects:
        yield "the manifest or RECOVERY.md is not there"
        return
    if digest(envelope) != backup.manifest_sha256:
        yield "the manifest is not the one the record names"
    try:
        manifest = parse_envelope(envelope).manifest
    except IntegrityFailed:
        yield "the manifest cannot be read"
        return
    if [a.checksum for a in manifest.artefacts] != [a.checksum for a in backup.artefacts]:
        yield "the manifest describes other bytes"


def moves_are_legal(evidence: Evidence) -> Iterator[str]:
    last: dict[str, Backup] = {}
    for event in evidence.history.events:
        for backup in event.backups:
            before = last.get(backup.id)
            last[backup.id] = backup
            if before is None or before.status is backup.status:
                continue
            if backup.status not in MOVES[before.status]:
                yield f"INV2: {backup.id} went from {before.status} to {backup.status}"


def generations_are_used_once(evidence: Evidence) -> Iterator[str]:
    holders: dict[tuple[str, int], tuple[str, str]] = {}
    for event in evidence.history.events:
        for backup in event.backups:
            lease = backup.lease
            if lease is None:
                continue
            holder = (lease.owner, lease.step)
            if holders.setdefault((backup.id, lease.generation), holder) != holder:
                yield f"INV2: {backup.id}: generation {lease.generation} was held twice"


def attempts_share_nothing(evidence: Evidence) -> Iterator[str]:
    runs = Counter(dump.run_id for dump in evidence.history.dumps)
    yield from (f"INV2: attempt {run} was dumped twice" for run, n in runs.items() if n > 1)
    for backup in evidence.backups:
        if any(not a.key.startswith(attempt_prefix(backup)) for a in backup.artefacts):
            yield f"INV2: {backup.id} names objects of another attempt"


def writers_hold_the_lease(evidence: Evidence) -> Iterator[str]:
    last: dict[str, Backup] = {}
    for event in evidence.history.events:
        for backup in event.backups:
            before = last.get(backup.id)
            last[backup.id] = backup
            lease = before.lease if before else None
            claims = backup.lease is not None and backup.lease != lease
            if lease is None or claims or not event.actor.startswith("worker"):
                continue
            if lease.owner != event.actor:
                yield f"INV2: {event.actor} changed {backup.id} under the lease of {lease.owner}"


def everything_ends(evidence: Evidence) -> Iterator[str]:
    for backup in evidence.backups:
        if not backup.status.is_terminal:
            yield f"INV3: {backup.id} is still {backup.status} in {backup.step}"
        elif backup.chore is not None:
            yield f"INV3: {backup.id} still has a chore: {backup.chore}"
    for job in evidence.jobs:
        if not job.status.is_terminal:
            yield f"INV3: job {job.id} is still {job.status}"


def the_living_are_not_reaped(evidence: Evidence) -> Iterator[str]:
    for event in evidence.history.events:
        if event.running and event.actor.startswith(("sweep", "rest")):
            what = event.backups[0].id if event.backups else "an execution"
            yield f"INV3: {event.actor} ended {what} under a living lease"


def ends_are_told_after_the_clean_up(evidence: Evidence) -> Iterator[str]:
    for event in evidence.history.events:
        if event.left:
            yield f"INV6: {event.backups[0].id} was ended while {len(event.left)} objects lay there"


def nothing_is_orphaned(evidence: Evidence) -> Iterator[str]:
    named = {key for backup in _completed(evidence) for key in _names(backup)}
    yield from (f"INV6: orphan object {key}" for key in evidence.objects if key not in named)
    yield from (f"INV6: orphan upload of {key}" for key in evidence.uploads)


def _names(backup: Backup) -> Iterator[str]:
    yield from (artefact.key for artefact in backup.artefacts)
    yield artefact_key(backup, MANIFEST)
    yield artefact_key(backup, RECOVERY)


def tenants_stay_apart(evidence: Evidence) -> Iterator[str]:
    for dump in evidence.history.dumps:
        owner = next(b for b in _ever(evidence) if dump.run_id.startswith(b.id))
        if evidence.projects[owner.project_id] != dump.database:
            yield f"INV7: {dump.run_id} read the database {dump.database}"
    for key, content in evidence.objects.items():
        own = key.split("/")[1]
        for project, database in evidence.projects.items():
            if project != own and (database.encode() in content or project.encode() in content):
                yield f"INV7: {key} names another project"


def secrets_stay(evidence: Evidence) -> Iterator[str]:
    stored = [*evidence.backups, *evidence.jobs, *evidence.notices, *evidence.links]
    texts = [record.model_dump_json() for record in stored]
    texts += [content.decode(errors="replace") for content in evidence.objects.values()]
    for secret in evidence.secrets:
        if any(secret in text for text in texts):
            yield "INV7: a password is in a record or an object"


def every_end_is_told_once(evidence: Evidence) -> Iterator[str]:
    told = Counter(notice.subject_id for notice in evidence.notices)
    for backup in evidence.backups:
        if backup.status.is_terminal and told[backup.id] != 1:
            yield f"NOTICE: {backup.id} has {told[backup.id]} notices of its end"
    for notice in evidence.notices:
        if notice.id not in evidence.delivered:
            yield f"NOTICE: {notice.id} was never delivered"


def answers_hold(evidence: Evidence) -> Iterator[str]:
    final = {backup.id: backup for backup in evidence.backups}
    asked: dict[str, set[str]] = defaultdict(set)
    for answer in evidence.history.answers:
        question, _, number = answer.question.partition(" ")
        if question == "request" and not answer.said.startswith("refused"):
            asked[number].add(answer.said)
        if question == "cancel" and answer.said == Status.CANCELLED:
            after = final.get(answer.subject)
            if after is None or after.status is not Status.CANCELLED:
                yield f"ANSWER: {answer.subject} was told cancelled and is not"
        if question == "delete" and answer.said == "gone" and answer.subject in final:
            yield f"ANSWER: {answer.subject} was told deleted and is there"
    for number, ids in asked.items():
        if len(ids) > 1:
            yield f"ANSWER: one idempotency key made {len(ids)} backups ({number})"


def links_hold(evidence: Evidence) -> Iterator[str]:
    for link in evidence.links:
        if link.uses > link.max_uses:
            yield f"LINK: {link.id} was used {link.uses} times"
    revoked: set[str] = set()
    for answer in evidence.history.answers:
        if answer.question.startswith("revoke") and answer.said == "revoked":
            revoked.add(answer.subject)
        redeemed = answer.question.startswith("redeem") and answer.said.startswith("http")
        if redeemed and answer.subject in revoked:
            yield f"LINK: {answer.subject} was redeemed after it was revoked"


def _completed(evidence: Evidence) -> Iterator[Backup]:
    return (backup for backup in evidence.backups if backup.status is Status.COMPLETED)


def _ever(evidence: Evidence) -> Iterator[Backup]:
    return (backup for event in evidence.history.events for backup in event.backups)


CHECKS: tuple[Check, ...] = (
    completed_is_whole,
    moves_are_legal,
    generations_are_used_once,
    attempts_share_nothing,
    writers_hold_the_lease,
    everything_ends,
    the_living_are_not_reaped,
    ends_are_told_after_the_clean_up,
    nothing_is_orphaned,
    tenants_stay_apart,
    secrets_stay,
    every_end_is_told_once,
    answers_hold,
    links_hold,
    runs_are_had_once,
    instants_are_accounted_for,
    misses_are_told,
)
