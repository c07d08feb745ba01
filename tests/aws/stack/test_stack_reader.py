"""What the doctor sees of an installation, and that nothing that is missing escapes it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Callable
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from chalicelib.adapters.aws.clients import Place
from chalicelib.adapters.aws.looks import looked
from chalicelib.adapters.aws.stack_reader import seen_at
from chalicelib.adapters.system import SystemClock
from chalicelib.cli.stack_findings import findings_of
from chalicelib.domain.errors import InvalidRequest
from chalicelib.domain.finding import Finding, Verdict
from chalicelib.domain.stack import Presence
from tests.support.deployed import Deployed, deployed
from tests.support.ministack import REGION, ministack_of
from tests.support.servers import ROOT
from tests.support.stack import ALONE
from tests.support.worker_functions import runtime_client_is_here

pytestmark = pytest.mark.skipif(
    not runtime_client_is_here(), reason="NOT TESTED: awslambdaric is missing"
)


@pytest.fixture
def stack(request: pytest.FixtureRequest) -> Deployed:
    return deployed(ministack_of(request.config))


def wrong(stack: Deployed) -> dict[str, Finding]:
    found = findings_of(stack.facts())
    return {one.what: one for one in found if one.verdict is Verdict.MISSING}


def clients_aside(found: dict[str, Finding]) -> list[str]:
    # the clients of the machine that tests may have holes, or no TLS
    return [what for what in found if what != "worker's programs"]


def test_an_installation_is_seen_whole(stack: Deployed) -> None:
    facts = stack.facts()

    hidden = {str(p): one for p, one in facts.pieces.items() if one.presence is not Presence.THERE}
    assert hidden == {}
    assert clients_aside(wrong(stack)) == []


def test_the_stage_names_its_stack_too(stack: Deployed) -> None:
    assert stack.facts(stack.stage).name == stack.name


def test_the_worker_tells_the_clients_it_holds(stack: Deployed) -> None:
    (programs,) = [one for p, one in stack.facts().pieces.items() if p.kind == "worker's programs"]

    told = json.loads(programs.traits["clients"])
    assert [one for one in told if not one["version"]] == []


def drop_table(stack: Deployed) -> str:
    tables = stack.client("dynamodb")
    tables.update_table(TableName=stack.name, DeletionProtectionEnabled=False)
    tables.delete_table(TableName=stack.name)
    return f"table {stack.name}"


def drop_bucket(stack: Deployed) -> str:
    bucket = stack.settings["HOLDFAST_S3_BUCKET"]
    stack.client("s3").delete_bucket(Bucket=bucket)
    return f"bucket {bucket}"


def disable_key(stack: Deployed, kind: str, setting: str) -> str:
    key = stack.settings[setting]
    stack.client("kms").disable_key(KeyId=key)
    return f"{kind} {key.rpartition('/')[2]}"


def disable_data_key(stack: Deployed) -> str:
    return disable_key(stack, "data key", "HOLDFAST_S3_KMS_KEY")


def disable_signing_key(stack: Deployed) -> str:
    return disable_key(stack, "signing key", "HOLDFAST_SIGNING_KEY")


def drop_function(stack: Deployed) -> str:
    stack.client("lambda").delete_function(FunctionName=f"{stack.name}-worker")
    return "function worker"


def drop_machine(stack: Deployed) -> str:
    arn = stack.settings["HOLDFAST_RESTORE_MACHINE"]
    stack.client("stepfunctions").delete_state_machine(stateMachineArn=arn)
    return "state machine restore"


def drop_schedules(stack: Deployed) -> str:
    stack.client("scheduler").delete_schedule_group(Name=stack.name)
    return f"schedule group {stack.name}"


def drop_topic(stack: Deployed) -> str:
    stack.client("sns").delete_topic(TopicArn=stack.settings["HOLDFAST_TOPIC"])
    return f"topic {stack.name}"


def drop_log_group(stack: Deployed) -> str:
    group = f"/aws/lambda/{stack.name}-sweeper"
    stack.client("logs").delete_log_group(logGroupName=group)
    return f"log group {group}"


def drop_queue(stack: Deployed) -> str:
    queues = stack.client("sqs")
    url = queues.get_queue_url(QueueName=f"{stack.name}-dead")["QueueUrl"]
    queues.delete_queue(QueueUrl=url)
    return f"dead-letter queue {stack.name}-dead"


@pytest.mark.parametrize(
    "take_away",
    [
        drop_table,
        drop_bucket,
        disable_data_key,
        disable_signing_key,
        drop_function,
        drop_machine,
        drop_schedules,
        drop_topic,
        drop_log_group,
        drop_queue,
    ],
)
def test_a_piece_that_is_gone_is_named(
    stack: Deployed, take_away: Callable[[Deployed], str]
) -> None:
    piece = take_away(stack)

    found = wrong(stack)

    assert piece in found
    assert found[piece].hint


@pytest.mark.parametrize(
    ("function", "action", "place"),
    [
        ("worker", "s3:PutObject", "objects"),
        ("worker", "kms:Sign", "signing key"),
        ("sweeper", "sns:Publish", "topic"),
        ("api_handler", "secretsmanager:PutSecretValue", "secrets"),
    ],
)
def test_a_role_without_a_right_is_named_with_it(
    stack: Deployed, function: str, action: str, place: str
) -> None:
    stack.allow(function, less=(action,))

    found = wrong(stack)

    assert clients_aside(found) == [f"role of {function}"]
    assert f"{action} on {place}" in found[f"role of {function}"].found


def test_a_setting_that_a_function_lost_is_named(stack: Deployed) -> None:
    lost = {**stack.settings, "HOLDFAST_SIGNING_PUBLIC_KEY": ""}
    stack.client("lambda").update_function_configuration(
        FunctionName=f"{stack.name}-gate", Environment={"Variables": lost}
    )

    found = wrong(stack)

    assert found["settings"].found == "without a value: HOLDFAST_SIGNING_PUBLIC_KEY of gate"


def test_a_password_that_is_gone_is_named_by_its_project(stack: Deployed) -> None:
    channel = stack.channel("on call")
    secret = f"holdfast/{stack.stage}/channels/{channel}"
    before = wrong(stack)["secret of channel on call"].found

    vault = stack.client("secretsmanager")
    vault.create_secret(Name=secret, SecretString="x")
    stored = clients_aside(wrong(stack))
    vault.delete_secret(SecretId=secret, RecoveryWindowInDays=7)

    assert before.startswith("not there")
    assert stored == []
    assert "restore-secret" in wrong(stack)["secret of channel on call"].hint


def test_from_another_region_the_stack_is_not_there(stack: Deployed) -> None:
    (finding,) = findings_of(stack.facts_from("us-west-2"))

    assert (finding.what, finding.verdict) == (f"stack {stack.name}", Verdict.MISSING)
    assert finding.found.startswith("not there in us-west-2")


def refusing(code: str, status: int = 400) -> Callable[[], dict[str, Any]]:
    def call() -> dict[str, Any]:
        answer: Any = {
            "Error": {"Code": code, "Message": "canary-71"},
            "ResponseMetadata": {"HTTPStatusCode": status},
        }
        raise ClientError(answer, "Describe")

    return call


@pytest.mark.parametrize(
    ("code", "status", "presence"),
    [
        ("AccessDeniedException", 400, Presence.HIDDEN),
        ("AccessDenied", 403, Presence.HIDDEN),
        ("403", 403, Presence.HIDDEN),
        ("ExpiredToken", 403, Presence.HIDDEN),
        ("KMSDisabledException", 400, Presence.HIDDEN),
        ("404", 404, Presence.ABSENT),
        ("NoSuchEntity", 404, Presence.ABSENT),
        ("ResourceNotFoundException", 400, Presence.ABSENT),
        ("StateMachineDoesNotExist", 400, Presence.ABSENT),
        ("Throttling", 400, Presence.SILENT),
        ("InternalFailure", 500, Presence.SILENT),
        ("SomethingNew", 400, Presence.SILENT),
    ],
)
def test_a_refusal_tells_what_it_means_and_not_its_words(
    code: str, status: int, presence: Presence
) -> None:
    seen = looked(refusing(code, status), lambda _: {})

    assert seen.presence is presence
    assert code in seen.traits["why"]
    assert "canary" not in seen.traits["why"]


def test_what_does_not_answer_is_silent() -> None:
    def call() -> dict[str, Any]:
        raise EndpointConnectionError(endpoint_url="https://kms.example.org")

    assert looked(call, lambda _: {}).presence is Presence.SILENT


def test_without_a_region_nothing_is_looked_for(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("AWS_REGION", raising=False)
    monkeypatch.delenv("AWS_DEFAULT_REGION", raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nonexistent/config")

    with pytest.raises(InvalidRequest, match="no region is set"):
        seen_at(Place(), "holdfast-dev", SystemClock())


def doctor(*arguments: str, **environment: str) -> subprocess.CompletedProcess[str]:
    """Type the command as people do."""
    keys = {"AWS_ACCESS_KEY_ID": "test", "AWS_SECRET_ACCESS_KEY": "test"}
    return subprocess.run(
        [sys.executable, "-m", "chalicelib.cli.main", "doctor", *arguments],
        cwd=ROOT,
        env={"PATH": os.defpath, **ALONE, **keys, **environment},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


def test_the_command_names_what_is_missing_and_fails(stack: Deployed) -> None:
    disable_signing_key(stack)
    endpoint = {"HOLDFAST_AWS_ENDPOINT": stack.server.endpoint}

    done = doctor("--stack", stack.name, "--region", REGION, "--json", **endpoint)

    found = json.loads(done.stdout)
    named = {one["what"]: one for one in found["findings"] if one["verdict"] == "missing"}
    assert (done.returncode, found["healthy"]) == (1, False)
    (key,) = [what for what in named if what.startswith("signing key")]
    assert (named[key]["found"], "Enable it" in named[key]["hint"]) == ("state: Disabled", True)


def test_the_command_says_that_it_needs_a_region() -> None:
    done = doctor("--stack", "holdfast-dev")

    assert done.returncode == 2
    assert "no region is set" in done.stderr
