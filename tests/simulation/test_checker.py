"""Promises of the checker: sound evidence passes, each kind of damage is named."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

import pytest

from chalicelib.domain.backup import Backup, Chore, Status
from tests.simulation.checker import violations
from tests.simulation.history import Answer, Evidence
from tests.simulation.plan import Case, Script
from tests.simulation.simulate import play

Damage = Callable[[Evidence], Evidence]


@pytest.fixture(scope="module")
def sound() -> Evidence:
    """Give the evidence of one completed backup."""
    return play(Case(3, True, (Script(project=0, at_s=0.0),), (), (400.0,)))


def with_backup(**changes: object) -> Damage:
    def damage(evidence: Evidence) -> Evidence:
        changed = tuple(backup.model_copy(update=changes) for backup in evidence.backups)
        return replace(evidence, backups=changed)

    return damage


def without_object(name: str) -> Damage:
    def damage(evidence: Evidence) -> Evidence:
        kept = {key: data for key, data in evidence.objects.items() if not key.endswith(name)}
        return replace(evidence, objects=kept)

    return damage


def with_object(key: str, data: bytes) -> Damage:
    return lambda evidence: replace(evidence, objects={**evidence.objects, key: data})


def flipped(evidence: Evidence) -> Evidence:
    objects = {
        key: data[:-1] + bytes([data[-1] ^ 1]) if key.endswith("database.dump") else data
        for key, data in evidence.objects.items()
    }
    return replace(evidence, objects=objects)


def failing_child(evidence: Evidence) -> Evidence:
    dumps = [replace(dump, exit_code=1) for dump in evidence.history.dumps]
    return replace(evidence, history=replace(evidence.history, dumps=dumps))


def told(question: str, said: str) -> Damage:
    def damage(evidence: Evidence) -> Evidence:
        answer = Answer(0.0, 1.0, question, evidence.backups[0].id, said)
        return replace(evidence, history=replace(evidence.history, answers=[answer]))

    return damage


def twice(evidence: Evidence) -> Evidence:
    events = evidence.history.events
    ends = [e for e in events if any(b.status is Status.COMPLETED for b in e.backups)]
    again = replace(ends[0], backups=tuple(map(as_failed, ends[0].backups)))
    return replace(evidence, history=replace(evidence.history, events=[*events, again]))


def as_failed(backup: Backup) -> Backup:
    return backup.model_copy(update={"status": Status.FAILED})


def test_sound_evidence_passes(sound: Evidence) -> None:
    assert violations(sound) == ()


@pytest.mark.parametrize(
    ("damage", "named"),
    [
        (without_object("database.dump"), "INV1"),
        (without_object("manifest.json"), "INV1"),
        (without_object("RECOVERY.md"), "INV1"),
        (flipped, "INV1"),
        (failing_child, "INV1"),
        (with_backup(validated=False), "INV1"),
        (with_backup(manifest_sha256="00"), "INV1"),
        (with_backup(attempt=2), "INV2"),
        (twice, "INV2"),
        (with_backup(status=Status.IN_PROGRESS), "INV3"),
        (with_backup(chore=Chore.CLEAN), "INV3"),
        (with_object("projects/p/backups/b/1/x", b""), "INV6"),
        (with_object("projects/p/backups/b/1/x", b"tenant1"), "INV7"),
        (with_object("projects/p/backups/b/1/x", b"canary-0-7d1f"), "INV7"),
        (lambda evidence: replace(evidence, uploads=("k",)), "INV6"),
        (lambda evidence: replace(evidence, notices=()), "NOTICE"),
        (lambda evidence: replace(evidence, delivered=()), "NOTICE"),
        (lambda evidence: replace(evidence, problems=("stuck",)), "BROKEN"),
        (told("cancel 1", "cancelled"), "ANSWER"),
        (told("delete 1", "gone"), "ANSWER"),
    ],
)
def test_damage_is_named(sound: Evidence, damage: Damage, named: str) -> None:
    found = violations(damage(sound))

    assert [sentence for sentence in found if sentence.startswith(named)]
