"""Judge what was seen of an installation on AWS: pure decisions, a finding for each piece."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from chalicelib.bootstrap.doctor import client_finding
from chalicelib.domain.errors import HoldfastError
from chalicelib.domain.finding import Finding, Verdict
from chalicelib.domain.stack import Kind, Piece, Presence, Seen, StackFacts
from chalicelib.engine.clients import Client
from chalicelib.engine.versions import parse

DEPLOY: Final = "Deploy the stack again (make deploy); do not make it by hand."
ABSENT_HINTS: Final = {
    Kind.STACK: "Name the region it was deployed to with --region, or deploy it (make deploy).",
    Kind.SECRET: "Store the password again: holdfast projects update; a channel's: make it anew.",
    Kind.BUCKET: "Restore it from your replica; without it the backups that it held are gone.",
    Kind.TABLE: "Restore it from its point in time (infra/README.md), then deploy again.",
    Kind.PROGRAMS: "Push the image of this version (make image), then make deploy.",
}
REQUIRED: Final = (
    "HOLDFAST_REGION",
    "HOLDFAST_TABLE",
    "HOLDFAST_S3_BUCKET",
    "HOLDFAST_BACKUP_MACHINE",
    "HOLDFAST_RESTORE_MACHINE",
    "HOLDFAST_JOB_MACHINE",
    "HOLDFAST_SIGNING_KEY",
    "HOLDFAST_SIGNING_PUBLIC_KEY",
    "HOLDFAST_TOPIC",
    "HOLDFAST_SCHEDULE_GROUP",
    "HOLDFAST_PUBLIC_URL",
)
"""Settings without which functions do not start, or hand out links that lead nowhere."""
UNKNOWN: Final = "not-known-yet"
"""Stands in the public URL until a deployment has found it out."""


@dataclass(frozen=True)
class Rule:
    """Say what a trait must be; `verdict` is of everything else, `hint` what to do then."""

    trait: str
    good: tuple[str, ...]
    hint: str
    verdict: Verdict = Verdict.MISSING


DENIES: Final = Rule(
    "denies",
    ("",),
    "Read that policy: what it denies is denied to our roles too, whatever IAM says of them.",
    Verdict.WARNING,
)
HEEDS_IAM: Final = Rule(
    "heeds IAM",
    ("yes", ""),
    "Let the key's policy allow kms:* to the account again, or name every role of the stack in it.",
    Verdict.WARNING,
)


RULES: Final[Mapping[Kind, tuple[Rule, ...]]] = {
    Kind.STACK: (
        Rule(
            "status",
            ("CREATE_COMPLETE", "UPDATE_COMPLETE", "IMPORT_COMPLETE"),
            "Read the stack's events for the first failure, mend it, then make deploy.",
        ),
    ),
    Kind.FUNCTION: (
        # one that nobody called for weeks sleeps, and wakes with the next call
        Rule("state", ("Active", "Inactive"), "See its state reason; deploy again."),
        Rule("update", ("Successful",), "See the reason of its last update; deploy again."),
    ),
    Kind.TABLE: (
        Rule("status", ("ACTIVE", "UPDATING"), "Wait until it is active, or restore it."),
        Rule(
            "key",
            ("ENABLED", ""),
            "Let the data key be used again; until then the table cannot be read.",
        ),
        Rule(
            "throttled",
            ("0", ""),
            "It refused calls in the last hour; look at its limits and for a hot project.",
            Verdict.WARNING,
        ),
    ),
    Kind.BUCKET: (
        Rule("versioning", ("Enabled",), "Switch it on; make deploy does.", Verdict.WARNING),
        DENIES,
    ),
    Kind.DATA_KEY: (
        Rule("state", ("Enabled",), "Enable it in KMS, or cancel its deletion: all is under it."),
        DENIES,
        HEEDS_IAM,
    ),
    Kind.SIGNING_KEY: (
        Rule("state", ("Enabled",), "Enable it in KMS, or cancel its deletion."),
        Rule("spec", ("ECC_NIST_P256",), "Name the key that the stack made; deploy again."),
        DENIES,
        HEEDS_IAM,
    ),
    Kind.SECRET: (
        Rule(
            "deleted", ("no",), "Restore it: aws secretsmanager restore-secret; or store it anew."
        ),
    ),
    Kind.MACHINE: (Rule("status", ("ACTIVE",), DEPLOY),),
    Kind.SCHEDULES: (Rule("state", ("ACTIVE",), DEPLOY),),
    Kind.LOG_GROUP: (
        Rule("forgets", ("yes",), "Give it a retention; logs cost for ever.", Verdict.WARNING),
    ),
    Kind.ROLE: (
        Rule(
            "refused",
            ("",),
            "Compare its policy with the one of this version; look for boundaries and SCPs too.",
        ),
    ),
}


def findings_of(facts: StackFacts) -> Iterator[Finding]:
    """Judge everything that was seen; nothing that was looked for is passed over."""
    for piece, seen in facts.pieces.items():
        if piece.kind is Kind.PROGRAMS and seen.presence is Presence.THERE:
            yield from _programs(seen)
        else:
            yield _judged(piece, seen, facts.region)
    if facts.settings:
        yield _settings(facts)
        yield _region(facts)
        yield _architecture(facts)
        yield _image(facts)


def _judged(piece: Piece, seen: Seen, region: str) -> Finding:
    if seen.presence is not Presence.THERE:
        return _unseen(piece, seen, region)
    wrong = [
        (rule, seen.traits.get(rule.trait, ""))
        for rule in RULES.get(piece.kind, ())
        if seen.traits.get(rule.trait, "") not in rule.good
    ]
    if not wrong:
        return Finding(str(piece), Verdict.OK, seen.traits.get("told", "there"))
    worst = (
        Verdict.MISSING
        if any(r.verdict is Verdict.MISSING for r, _ in wrong)
        else wrong[0][0].verdict
    )
    said = ", ".join(f"{rule.trait}: {found or 'nothing'}" for rule, found in wrong)
    return Finding(str(piece), worst, said, " ".join(rule.hint for rule, _ in wrong))


def _unseen(piece: Piece, seen: Seen, region: str) -> Finding:
    why = seen.traits.get("why", "")
    if seen.presence is Presence.ABSENT:
        found = f"not there in {region}" + (f": {why}" if why else "")
        return Finding(str(piece), Verdict.MISSING, found, ABSENT_HINTS.get(piece.kind, DEPLOY))
    if seen.presence is Presence.HIDDEN:
        hint = "Look again with credentials that may read it; nothing is known of it now."
        return Finding(str(piece), Verdict.WARNING, f"we may not look: {why}", hint)
    hint = "Check the network path to AWS, the region and the endpoint, then look again."
    return Finding(str(piece), Verdict.MISSING, f"no answer: {why}", hint)


def _programs(seen: Seen) -> Iterator[Finding]:
    """Judge what the worker says of itself by what this version knows of PostgreSQL's holes."""
    try:
        told = json.loads(seen.traits["clients"])
        clients = [_client(one) for one in told]
    except (HoldfastError, ValueError, KeyError, TypeError):
        hint = ABSENT_HINTS[Kind.PROGRAMS]
        yield Finding(Kind.PROGRAMS, Verdict.MISSING, "an answer nobody understands", hint)
        return
    if not clients:
        yield Finding(Kind.PROGRAMS, Verdict.MISSING, "none", ABSENT_HINTS[Kind.PROGRAMS])
    for client in clients:
        found = client_finding(client, floor_policy="refuse")
        hint = f"{found.hint} {ABSENT_HINTS[Kind.PROGRAMS]}" if found.hint else ""
        yield Finding(Kind.PROGRAMS, found.verdict, found.found, hint)


def _client(told: Mapping[str, Any]) -> Client:
    return Client(
        Path(str(told["bin_dir"])),
        parse(str(told["version"])),
        has_tls=bool(told["has_tls"]),
        has_zstd=bool(told["has_zstd"]),
    )


def _settings(facts: StackFacts) -> Finding:
    wrong = [
        f"{name} of {function}"
        for function, variables in sorted(facts.settings.items())
        for name in REQUIRED
        if not variables.get(name) or UNKNOWN in variables[name]
    ]
    if wrong:
        hint = "Complete the parameters of the stage, then make deploy, which fills in the rest."
        return Finding("settings", Verdict.MISSING, f"without a value: {_some(wrong)}", hint)
    drifted = _drifted(facts.settings)
    if drifted:
        found = f"not the same in all functions: {_some(drifted)}"
        return Finding("settings", Verdict.MISSING, found, DEPLOY)
    return Finding(
        "settings", Verdict.OK, f"{len(REQUIRED)} needed ones, the same in all functions"
    )


def _drifted(settings: Mapping[str, Mapping[str, str]]) -> list[str]:
    names = {name for variables in settings.values() for name in variables if _is_ours(name)}
    return sorted(
        name for name in names if len({variables.get(name) for variables in settings.values()}) > 1
    )


def _is_ours(name: str) -> bool:
    return name.startswith("HOLDFAST_")


def _region(facts: StackFacts) -> Finding:
    named = {
        name
        for variables in facts.settings.values()
        for name, value in variables.items()
        if _is_ours(name) and _region_of(name, value) not in {None, facts.region}
    }
    if named:
        hint = f"Deploy with the region {facts.region}, or look at the stack where it belongs."
        found = f"{_some(sorted(named))} lead out of {facts.region}"
        return Finding("region", Verdict.MISSING, found, hint)
    return Finding("region", Verdict.OK, facts.region)


def _region_of(name: str, value: str) -> str | None:
    if name == "HOLDFAST_REGION":
        return value or None
    parts = value.split(":")
    # roles, topics of other regions aside: an ARN names its region in its fourth field, or none
    is_arn = parts[0] == "arn" and len(parts) > 4  # noqa: PLR2004 - as above
    return parts[3] or None if is_arn else None


def _architecture(facts: StackFacts) -> Finding:
    seen = {
        name: one.traits.get("architecture", "") for name, one in facts.named(Kind.FUNCTION).items()
    }
    wanted = facts.parameters.get("Architecture")
    others = sorted(f"{name} {one}" for name, one in seen.items() if one not in {wanted, ""})
    if wanted and others:
        hint = "Make package and image with the same ARCH, then make deploy."
        return Finding("architecture", Verdict.MISSING, f"not {wanted}: {_some(others)}", hint)
    return Finding("architecture", Verdict.OK, ", ".join(sorted(set(seen.values()))) or "unknown")


def _image(facts: StackFacts) -> Finding:
    worker = facts.named(Kind.FUNCTION).get("worker", Seen(Presence.ABSENT))
    wanted, running = facts.parameters.get("WorkerImageUri", ""), worker.traits.get("image", "")
    if wanted and running and wanted != running:
        found = f"the worker runs {running}, the stack says {wanted}"
        return Finding("image", Verdict.MISSING, found, DEPLOY)
    return Finding("image", Verdict.OK, running or "unknown")


def _some(names: list[str], most: int = 5) -> str:
    more = len(names) - most
    return ", ".join(names[:most]) + (f" and {more} more" if more > 0 else "")
