"""What `holdfast doctor --stack` makes of what it saw: each fault has its finding."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import replace
from typing import Any, Final

import pytest

from chalicelib.cli.stack_findings import ABSENT_HINTS, DEPLOY, REQUIRED, findings_of
from chalicelib.domain.finding import Finding, Verdict
from chalicelib.domain.stack import FUNCTIONS, Kind, Piece, Presence, Seen, StackFacts
from chalicelib.engine.versions import FLOOR

REGION: Final = "eu-central-1"
IMAGE: Final = "111122223333.dkr.ecr.eu-central-1.amazonaws.com/holdfast-worker@sha256:aa"
WORKER: Final = Piece(Kind.FUNCTION, "worker")
GOOD: Final[Mapping[Kind, dict[str, str]]] = {
    Kind.STACK: {"status": "UPDATE_COMPLETE"},
    Kind.LOG_GROUP: {"forgets": "yes"},
    Kind.TABLE: {"status": "ACTIVE", "throttled": "0"},
    Kind.BUCKET: {"versioning": "Enabled"},
    Kind.DATA_KEY: {"state": "Enabled"},
    Kind.SIGNING_KEY: {"state": "Enabled", "spec": "ECC_NIST_P256"},
    Kind.SECRET: {"deleted": "no"},
    Kind.MACHINE: {"status": "ACTIVE"},
    Kind.SCHEDULES: {"state": "ACTIVE"},
    Kind.TOPIC: {},
    Kind.QUEUE: {},
    Kind.ROLE: {"refused": ""},
}


def there(**traits: str) -> Seen:
    return Seen(Presence.THERE, traits)


def clients(version: str = f"17.{FLOOR[17]}", **traits: bool) -> Seen:
    one = {"bin_dir": "/usr/lib/postgresql/17/bin", "version": version}
    told: list[dict[str, Any]] = [{**one, "has_tls": True, "has_zstd": True, **traits}]
    return there(clients=json.dumps(told))


def variables(**changed: str) -> dict[str, str]:
    known = dict.fromkeys(REQUIRED, "x") | {"HOLDFAST_REGION": REGION}
    return {**known, **changed}


def facts(**changes: Any) -> StackFacts:
    """Return an installation in which everything is as it should be."""
    running = there(state="Active", update="Successful", architecture="x86_64", image=IMAGE)
    pieces = {Piece(Kind.FUNCTION, name): running for name in FUNCTIONS}
    pieces |= {Piece(kind, "one"): Seen(Presence.THERE, traits) for kind, traits in GOOD.items()}
    pieces[Piece(Kind.PROGRAMS, "worker")] = clients()
    whole = StackFacts(
        name="holdfast-dev",
        region=REGION,
        pieces=pieces,
        parameters={"Architecture": "x86_64", "WorkerImageUri": IMAGE},
        settings={name: variables() for name in FUNCTIONS},
    )
    return replace(whole, **changes)


def with_piece(piece: Piece, seen: Seen) -> StackFacts:
    whole = facts()
    return replace(whole, pieces={**whole.pieces, piece: seen})


def with_settings(function: str, **changed: str) -> StackFacts:
    whole = facts()
    return replace(whole, settings={**whole.settings, function: variables(**changed)})


def wrong(whole: StackFacts) -> list[Finding]:
    return [one for one in findings_of(whole) if one.verdict is not Verdict.OK]


def test_an_installation_without_a_fault_has_none() -> None:
    assert wrong(facts()) == []


def test_everything_that_was_looked_at_has_its_finding() -> None:
    named = {finding.what for finding in findings_of(facts())}

    pieces = {str(piece) for piece in facts().pieces if piece.kind is not Kind.PROGRAMS}
    assert named == pieces | {Kind.PROGRAMS, "settings", "region", "architecture", "image"}


@pytest.mark.parametrize("kind", [kind for kind in Kind if kind is not Kind.PROGRAMS])
def test_what_is_not_there_is_named_with_what_to_do(kind: Kind) -> None:
    piece = Piece(kind, "one")

    (finding,) = wrong(with_piece(piece, Seen(Presence.ABSENT, {"why": "gone"})))

    assert (finding.what, finding.verdict) == (str(piece), Verdict.MISSING)
    assert finding.found == "not there in eu-central-1: gone"
    assert finding.hint == ABSENT_HINTS.get(kind, DEPLOY)


def test_what_we_may_not_see_is_no_fault_and_not_passed_over() -> None:
    (finding,) = wrong(with_piece(Piece(Kind.TABLE, "one"), Seen(Presence.HIDDEN, {"why": "no"})))

    assert (finding.verdict, finding.found) == (Verdict.WARNING, "we may not look: no")


def test_what_does_not_answer_is_missing() -> None:
    (finding,) = wrong(with_piece(Piece(Kind.TABLE, "one"), Seen(Presence.SILENT, {"why": "time"})))

    assert (finding.verdict, finding.found) == (Verdict.MISSING, "no answer: time")
    assert "region" in finding.hint


@pytest.mark.parametrize(
    ("kind", "traits", "verdict", "hint"),
    [
        (Kind.STACK, {"status": "UPDATE_ROLLBACK_COMPLETE"}, "missing", "events"),
        (Kind.FUNCTION, {"state": "Failed", "update": "Successful"}, "missing", "state reason"),
        (Kind.FUNCTION, {"state": "Active", "update": "Failed"}, "missing", "last update"),
        (Kind.TABLE, {"status": "ARCHIVED"}, "missing", "restore it"),
        (Kind.TABLE, {"status": "ACTIVE", "key": "INACCESSIBLE"}, "missing", "data key"),
        (Kind.TABLE, {"status": "ACTIVE", "throttled": "7"}, "warning", "refused calls"),
        (Kind.BUCKET, {"versioning": ""}, "warning", "Switch it on"),
        (Kind.BUCKET, {"versioning": "Enabled", "denies": "Mfa"}, "warning", "Read that policy"),
        (Kind.DATA_KEY, {"state": "Enabled", "denies": "Mfa"}, "warning", "Read that policy"),
        (Kind.DATA_KEY, {"state": "Enabled", "heeds IAM": "no"}, "warning", "kms:*"),
        (Kind.DATA_KEY, {"state": "Disabled"}, "missing", "Enable it in KMS"),
        (Kind.DATA_KEY, {"state": "PendingDeletion"}, "missing", "cancel its deletion"),
        (Kind.SIGNING_KEY, {"state": "Disabled", "spec": "ECC_NIST_P256"}, "missing", "Enable it"),
        (Kind.SIGNING_KEY, {"state": "Enabled", "spec": "RSA_2048"}, "missing", "stack made"),
        (Kind.SECRET, {"deleted": "yes"}, "missing", "restore-secret"),
        (Kind.MACHINE, {"status": "DELETING"}, "missing", "Deploy the stack again"),
        (Kind.SCHEDULES, {"state": "DELETING"}, "missing", "Deploy the stack again"),
        (Kind.LOG_GROUP, {"forgets": "no"}, "warning", "retention"),
        (Kind.ROLE, {"refused": "s3:PutObject on objects"}, "missing", "policy"),
    ],
)
def test_a_fault_is_told_by_its_verdict_and_what_to_do(
    kind: Kind, traits: dict[str, str], verdict: str, hint: str
) -> None:
    (finding,) = wrong(with_piece(Piece(kind, "one"), Seen(Presence.THERE, traits)))

    assert finding.verdict.value == verdict
    assert hint in finding.hint


def test_a_role_names_what_it_may_not() -> None:
    refused = there(refused="s3:PutObject on objects, kms:Sign on signing key")

    (finding,) = wrong(with_piece(Piece(Kind.ROLE, "of worker"), refused))

    assert finding.what == "role of worker"
    assert "s3:PutObject on objects, kms:Sign on signing key" in finding.found


@pytest.mark.parametrize(
    ("answer", "found"),
    [
        (clients(f"17.{FLOOR[17] - 1}"), f"17.{FLOOR[17] - 1} in"),
        (there(clients="[]"), "none"),
        (there(clients="nonsense"), "an answer nobody understands"),
        (there(clients='[{"version": "17.99"}]'), "an answer nobody understands"),
    ],
)
def test_an_image_that_is_not_fit_is_to_be_made_anew(answer: Seen, found: str) -> None:
    (finding,) = wrong(with_piece(Piece(Kind.PROGRAMS, "worker"), answer))

    assert finding.verdict is Verdict.MISSING
    assert finding.found.startswith(found)
    assert "make image" in finding.hint


@pytest.mark.parametrize("name", REQUIRED)
def test_a_setting_without_a_value_is_named(name: str) -> None:
    whole = facts(settings={"sweeper": {**variables(), name: ""}})

    (finding,) = wrong(whole)

    assert finding.what == "settings"
    assert finding.found == f"without a value: {name} of sweeper"


def test_an_address_that_is_not_known_yet_is_no_value() -> None:
    (finding,) = wrong(with_settings("gate", HOLDFAST_PUBLIC_URL="https://not-known-yet.invalid"))

    assert "HOLDFAST_PUBLIC_URL of gate" in finding.found


def test_functions_that_were_set_apart_by_hand_are_told() -> None:
    (finding,) = wrong(with_settings("gate", HOLDFAST_S3_BUCKET="another"))

    assert (finding.what, finding.verdict) == ("settings", Verdict.MISSING)
    assert finding.found == "not the same in all functions: HOLDFAST_S3_BUCKET"


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("HOLDFAST_REGION", "us-east-1"),
        ("HOLDFAST_SIGNING_KEY", "arn:aws:kms:us-east-1:111122223333:key/1"),
    ],
)
def test_what_leads_into_another_region_is_told(name: str, value: str) -> None:
    astray = {function: variables(**{name: value}) for function in FUNCTIONS}

    (finding,) = wrong(facts(settings=astray))

    assert (finding.what, finding.found) == ("region", f"{name} lead out of eu-central-1")


def test_a_role_belongs_to_no_region() -> None:
    role = "arn:aws:iam::111122223333:role/schedules"

    settings = {function: variables(HOLDFAST_SCHEDULE_ROLE=role) for function in FUNCTIONS}
    assert wrong(facts(settings=settings)) == []


def test_a_function_of_another_architecture_is_told() -> None:
    other = there(state="Active", update="Successful", architecture="arm64", image=IMAGE)

    (finding,) = wrong(with_piece(WORKER, other))

    assert (finding.what, finding.found) == ("architecture", "not x86_64: worker arm64")


def test_an_image_that_the_stack_does_not_name_is_told() -> None:
    other = IMAGE.replace("aa", "bb")
    seen = there(state="Active", update="Successful", architecture="x86_64", image=other)

    (finding,) = wrong(with_piece(WORKER, seen))

    assert finding.what == "image"
    assert finding.found == f"the worker runs {other}, the stack says {IMAGE}"


def test_of_a_stack_that_is_not_there_only_that_is_told() -> None:
    stack = Piece(Kind.STACK, "holdfast-dev")
    whole = StackFacts("holdfast-dev", "eu-west-1", {stack: Seen(Presence.ABSENT)})

    (finding,) = findings_of(whole)

    assert finding.found == "not there in eu-west-1"
    assert "--region" in finding.hint
