"""Promises of the templates: what is kept, what is refused, what equals the code."""

from __future__ import annotations

import json
from typing import Any, Final

import pytest

from chalicelib.adapters.aws.dynamodb_table import table_definition, ttl_definition
from chalicelib.adapters.aws.kms_signer import KEY_SPEC
from chalicelib.settings import PREFIX, Settings
from infra.template import FUNCTION, MACHINE, as_pairs, chalice_name, finished, with_code
from tests.support.servers import ROOT
from tests.support.templates import INFRA, of_type, properties, settings, template

ARRIVING: Final = {"SCHEDULE_GROUP", "SCHEDULE_FUNCTION", "SCHEDULE_ROLE", "SCHEDULE_DEAD_LETTERS"}
"""Settings that the template gives and that come with schedules."""
MACHINES: Final = ("BackupMachine", "RestoreMachine", "JobMachine", "PreMigrationMachine")
KEPT: Final = ("DataKey", "SigningKey", "CatalogTable", "BackupBucket")


# -- records -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "part",
    [
        "BillingMode",
        "DeletionProtectionEnabled",
        "AttributeDefinitions",
        "KeySchema",
        "GlobalSecondaryIndexes",
    ],
)
def test_the_table_is_the_one_the_catalog_was_written_for(part: str) -> None:
    assert properties("CatalogTable")[part] == table_definition("x")[part]


def test_the_table_forgets_by_the_catalogs_attribute() -> None:
    wanted = ttl_definition("x")["TimeToLiveSpecification"]

    assert properties("CatalogTable")["TimeToLiveSpecification"] == wanted


def test_the_table_can_be_taken_back_in_time_and_is_encrypted_with_our_key() -> None:
    table = properties("CatalogTable")

    assert table["PointInTimeRecoverySpecification"] == {"PointInTimeRecoveryEnabled": True}
    assert table["SSESpecification"]["KMSMasterKeyId"] == {"Fn::GetAtt": ["DataKey", "Arn"]}


@pytest.mark.parametrize("name", KEPT)
def test_what_backups_need_outlives_the_stack(name: str) -> None:
    resource = template()["Resources"][name]

    assert (resource["DeletionPolicy"], resource["UpdateReplacePolicy"]) == ("Retain", "Retain")


# -- objects and keys ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("bucket", "source"), [("BackupBucket", "resources"), ("PackageBucket", "bootstrap")]
)
def test_a_bucket_is_private_versioned_and_drops_what_was_never_finished(
    bucket: str, source: str
) -> None:
    found = properties(bucket, source)

    assert set(found["PublicAccessBlockConfiguration"].values()) == {True}
    assert found["VersioningConfiguration"] == {"Status": "Enabled"}
    rules = found["LifecycleConfiguration"]["Rules"]
    assert any("AbortIncompleteMultipartUpload" in rule for rule in rules)


@pytest.mark.parametrize(
    ("policy", "source"),
    [("BackupBucketPolicy", "resources"), ("PackageBucketPolicy", "bootstrap")],
)
def test_a_bucket_answers_over_tls_only(policy: str, source: str) -> None:
    (statement,) = properties(policy, source)["PolicyDocument"]["Statement"]

    assert (statement["Effect"], statement["Action"]) == ("Deny", "s3:*")
    assert statement["Condition"] == {"Bool": {"aws:SecureTransport": "false"}}


def test_objects_are_encrypted_with_our_key() -> None:
    (rule,) = properties("BackupBucket")["BucketEncryption"]["ServerSideEncryptionConfiguration"]

    assert rule["ServerSideEncryptionByDefault"]["SSEAlgorithm"] == "aws:kms"
    assert rule["BucketKeyEnabled"] is True


def test_no_rule_of_the_bucket_expires_what_is_current() -> None:
    rules = properties("BackupBucket")["LifecycleConfiguration"]["Rules"]

    assert [rule["Id"] for rule in rules if "ExpirationInDays" in rule] == []


def test_the_signing_key_is_of_the_kind_the_signer_takes() -> None:
    key = properties("SigningKey")

    assert (key["KeySpec"], key["KeyUsage"]) == (KEY_SPEC, "SIGN_VERIFY")


# -- settings ------------------------------------------------------------------------------------


def test_every_setting_that_is_given_is_one_we_read() -> None:
    given = {name.removeprefix(PREFIX) for name in settings() if name.startswith(PREFIX)}

    assert given - ARRIVING <= {name.upper() for name in Settings.model_fields}


def test_functions_worker_and_task_read_the_same_settings() -> None:
    whole = finished(template(), INFRA)
    (container,) = whole["Resources"]["WorkerTask"]["Properties"]["ContainerDefinitions"]

    assert properties("Worker")["Environment"]["Variables"] == settings()
    assert container["Environment"] == as_pairs(settings())


@pytest.mark.parametrize(
    "name", ["POWERTOOLS_TRACER_CAPTURE_ERROR", "POWERTOOLS_TRACER_CAPTURE_RESPONSE"]
)
def test_traces_see_neither_results_nor_errors(name: str) -> None:
    chalice = json.loads((ROOT / ".chalice" / "config.json").read_text())

    assert settings()[name] == chalice["environment_variables"][name] == "false"


def test_no_setting_holds_a_secret() -> None:
    assert [name for name in settings() if "PASSWORD" in name or name.endswith("API_KEY")] == []


# -- worker, machines, alarms ----------------------------------------------------------------------


def test_the_worker_has_all_the_time_a_function_can_have_and_is_tried_once() -> None:
    assert properties("Worker")["Timeout"] == 900
    assert properties("WorkerInvocation")["MaximumRetryAttempts"] == 0


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_logs_and_traces_without_what_flows_through_it(name: str) -> None:
    machine = properties(name)

    assert machine["StateMachineType"] == "STANDARD"
    assert machine["LoggingConfiguration"]["IncludeExecutionData"] is False
    assert machine["TracingConfiguration"] == {"Enabled": True}


@pytest.mark.parametrize("name", MACHINES)
def test_a_machine_is_given_every_name_its_definition_asks_for(name: str) -> None:
    whole = finished(template(), INFRA)["Resources"][name]["Properties"]

    asked = {part.split("}")[0] for part in whole["DefinitionString"].split("${")[1:]}
    assert asked == set(whole["DefinitionSubstitutions"])


def test_the_machines_are_those_the_settings_name() -> None:
    named = {one["StateMachineName"]["Fn::Sub"] for one in of_type(MACHINE).values()}

    told = [settings()[f"HOLDFAST_{work}_MACHINE"] for work in ("BACKUP", "RESTORE", "JOB")]
    gate = {"holdfast-${Stage}-pre-migration"}  # started from outside, by who migrates
    assert named == {one["Fn::Sub"].rpartition(":")[2] for one in told} | gate


def test_every_log_group_ends_some_day() -> None:
    groups = of_type("AWS::Logs::LogGroup")

    assert {name for name, one in groups.items() if not one["RetentionInDays"]} == set()


def test_every_alarm_tells_somebody() -> None:
    alarms = of_type("AWS::CloudWatch::Alarm")

    assert len(alarms) >= 5
    assert {json.dumps(one["AlarmActions"]) for one in alarms.values()} == {
        '[{"Ref": "NoticeTopic"}]'
    }


# -- how the template is finished ------------------------------------------------------------------


def chalice_made() -> dict[str, Any]:
    return {
        "Globals": {"Function": {"Environment": {"Variables": {}}}},
        "Resources": {
            "APIHandler": {"Type": FUNCTION, "Properties": {"CodeUri": "./deployment.zip"}},
            "ApiHandlerLogGroup": {"Type": "AWS::Logs::LogGroup", "Properties": {}},
            "LinkSigner": {"Type": FUNCTION, "Properties": {}},
            "LinkSignerLogGroup": {"Type": "AWS::Logs::LogGroup", "Properties": {}},
        },
    }


@pytest.mark.parametrize(
    ("logical_id", "name"),
    [("APIHandler", "api_handler"), ("LinkSigner", "link_signer"), ("Sweeper", "sweeper")],
)
def test_functions_are_named_as_in_app_py(logical_id: str, name: str) -> None:
    assert chalice_name(logical_id) == name


def test_functions_and_their_logs_have_fixed_names() -> None:
    resources = finished(chalice_made(), INFRA)["Resources"]

    signer, logs = resources["LinkSigner"], resources["LinkSignerLogGroup"]
    assert signer["Properties"]["FunctionName"] == {"Fn::Sub": "holdfast-${Stage}-link_signer"}
    assert logs["Properties"]["LogGroupName"] == {
        "Fn::Sub": "/aws/lambda/holdfast-${Stage}-link_signer"
    }


def test_finishing_leaves_what_it_was_given() -> None:
    given = chalice_made()

    finished(given, INFRA)

    assert given == chalice_made()


def test_the_uploaded_zip_is_named_in_every_function() -> None:
    placed = with_code(chalice_made(), "packages", "k.zip")["Resources"]

    code = {"Bucket": "packages", "Key": "k.zip"}
    assert placed["APIHandler"]["Properties"]["CodeUri"] == code
    assert placed["LinkSigner"]["Properties"]["CodeUri"] == code
