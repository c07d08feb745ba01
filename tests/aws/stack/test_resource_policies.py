"""What the policies of bucket and keys say against our roles; IAM's simulation knows none."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from typing import Any

import pytest
from botocore.exceptions import ClientError

from chalicelib.adapters.aws.resource_policies import bucket_traits, key_traits
from tests.support.templates import properties

ROOT = {"AWS": "arn:aws:iam::111122223333:root"}
LEFT_TO_IAM = {"Effect": "Allow", "Principal": ROOT, "Action": "kms:*", "Resource": "*"}
DENIED = {"Sid": "Mfa", "Effect": "Deny", "Principal": "*", "Action": "*", "Resource": "*"}
NO_TLS = {"Bool": {"aws:SecureTransport": "false"}}
TLS_ONLY = DENIED | {"Sid": "Tls", "Condition": NO_TLS}


@dataclass(frozen=True)
class Holder:
    """Be the client of S3 or KMS: answer with a policy, or refuse with a code."""

    statements: list[dict[str, Any]] = field(default_factory=list)
    code: str = ""

    def get_bucket_policy(self, **_: str) -> dict[str, str]:
        if self.code:
            raise ClientError({"Error": {"Code": self.code, "Message": ""}}, "GetPolicy")
        return {"Policy": json.dumps({"Version": "2012-10-17", "Statement": self.statements})}

    get_key_policy = get_bucket_policy


def resolved(value: Any) -> Any:
    """Return a part of the template with its texts as they stand there, names unfilled."""
    if isinstance(value, list):
        return [resolved(one) for one in value]
    if isinstance(value, dict):
        return value.get("Fn::Sub") or {key: resolved(one) for key, one in value.items()}
    return value


@pytest.mark.parametrize(
    ("statements", "denies"),
    [
        ([], ""),
        ([TLS_ONLY], ""),
        ([DENIED, TLS_ONLY], "Mfa"),
        ([DENIED | {"Sid": ""}, DENIED], "a statement without a name, Mfa"),
        ([DENIED | {"Effect": "Allow"}], ""),
        # TLS is asked of some, and something else with it
        ([DENIED | {"Condition": NO_TLS | {"Null": {"aws:x": "true"}}}], "Mfa"),
    ],
)
def test_a_bucket_names_what_it_denies_besides_calls_without_tls(
    statements: list[dict[str, Any]], denies: str
) -> None:
    assert bucket_traits(Holder(statements), "backups") == {"denies": denies}


def test_a_bucket_without_a_policy_denies_nothing() -> None:
    assert bucket_traits(Holder(code="NoSuchBucketPolicy"), "backups") == {"denies": ""}


@pytest.mark.parametrize("code", ["AccessDenied", "InternalError"])
def test_a_policy_that_is_not_seen_is_said_not_to_be(code: str) -> None:
    holder = Holder(code=code)

    for traits in (bucket_traits(holder, "backups"), key_traits(holder, "key")):
        assert traits == {"told": "there; its policy was not seen"}


@pytest.mark.parametrize(
    ("statement", "heeds"),
    [
        (LEFT_TO_IAM, "yes"),
        (LEFT_TO_IAM | {"Action": ["kms:Describe*", "kms:*"]}, "yes"),
        (LEFT_TO_IAM | {"Principal": "*"}, "yes"),
        (LEFT_TO_IAM | {"Action": "kms:Decrypt"}, "no"),
        (LEFT_TO_IAM | {"Principal": {"AWS": "arn:aws:iam::111122223333:role/admin"}}, "no"),
        (LEFT_TO_IAM | {"Principal": {"Service": "events.amazonaws.com"}}, "no"),
        (LEFT_TO_IAM | {"Effect": "Deny", "Sid": "No"}, "no"),
    ],
)
def test_a_key_says_whether_it_leaves_rights_to_iam(statement: dict[str, Any], heeds: str) -> None:
    assert key_traits(Holder([statement]), "key")["heeds IAM"] == heeds


@pytest.mark.parametrize("key", ["DataKey", "SigningKey"])
def test_the_keys_of_our_template_are_as_they_should_be(key: str) -> None:
    statements = resolved(properties(key)["KeyPolicy"]["Statement"])

    assert key_traits(Holder(statements), key) == {"denies": "", "heeds IAM": "yes"}


def test_the_bucket_of_our_template_denies_our_roles_nothing() -> None:
    statements = properties("BackupBucketPolicy")["PolicyDocument"]["Statement"]

    assert bucket_traits(Holder(statements), "backups") == {"denies": ""}
