"""The roles of the template as principals of the stand-ins: what a role may, its double may.

A function on AWS gets keys of its role. Here it gets the keys of a user that has the role's
policies, which ministack enforces on every call, and in SeaweedFS the rights on objects that these
policies give.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from chalicelib.adapters.aws.clients import Credentials
from infra.template import FUNCTION, Template
from tests.support.ministack import Ministack
from tests.support.seaweedfs import BUCKET, Rights

WORKER_ID: Final = "Worker"
LOOKING: Final = "WorkerThatMayNotWrite"
"""A double of the worker's role that a bucket lets look, and store nothing."""
ON_OBJECTS: Final = {
    "s3:GetObject": "Read",
    "s3:ListBucket": "List",
    "s3:ListBucketMultipartUploads": "List",
    "s3:PutObject": "Write",
    "s3:DeleteObject": "Write",
    "s3:AbortMultipartUpload": "Write",
}
"""SeaweedFS's words for what policies allow; deleting and aborting are writing to it."""


@dataclass(frozen=True)
class Double:
    """Stand for the role of a function: a user's name, and the keys it signs with."""

    user: str
    keys: Credentials


def doubles_of(server: Ministack, template: Template) -> dict[str, Double]:
    """Make a user for each function's role, by the function's logical id; none may anything yet."""
    return {name: _double(server, name) for name in (*roles_of(template), LOOKING)}


def rights_of(template: Template, doubles: Mapping[str, Double]) -> Rights:
    """Return what each double may do with objects: what the policies of its role allow."""
    roles = roles_of(template)
    words = {name: on_objects(template["Resources"][role]) for name, role in roles.items()}
    words[LOOKING] = ("List", "Read")
    return {
        doubles[name].keys: tuple(f"{word}:{BUCKET}" for word in allowed)
        for name, allowed in words.items()
    }


def on_objects(role: Mapping[str, Any]) -> tuple[str, ...]:
    """Return SeaweedFS's words for what the policies of a role allow."""
    allowed = {ON_OBJECTS[action] for action in _actions(role) if action in ON_OBJECTS}
    return tuple(sorted(allowed))


def roles_of(template: Template) -> dict[str, str]:
    """Return the logical id of the role of each function, by that of the function."""
    found = {}
    for name, resource in template["Resources"].items():
        if resource.get("Type") == FUNCTION or name == WORKER_ID:
            role = resource["Properties"]["Role"]["Fn::GetAtt"]
            found[name] = str(role[0] if isinstance(role, list) else role.split(".")[0])
    return found


def grant(server: Ministack, doubles: Mapping[str, Double], names: Mapping[str, str]) -> None:
    """Give each double the policies of its role; `names` are the roles', by function."""
    iam = server.client("iam")
    for function, double in doubles.items():
        role = names[WORKER_ID if function == LOOKING else function]
        for policy in iam.list_role_policies(RoleName=role)["PolicyNames"]:
            text = iam.get_role_policy(RoleName=role, PolicyName=policy)["PolicyDocument"]
            iam.put_user_policy(
                UserName=double.user, PolicyName=policy, PolicyDocument=_as_judged(text)
            )


def _as_judged(document: Mapping[str, Any]) -> str:
    # ministack judges a schedule of any group as if it were one of the group `default`
    return re.sub(r":schedule/[^/]+/", ":schedule/default/", json.dumps(document))


def deny(server: Ministack, double: Double, action: str) -> None:
    """Forbid a double an action, on top of what its role may."""
    statement = {"Effect": "Deny", "Action": action, "Resource": "*"}
    document = {"Version": "2012-10-17", "Statement": [statement]}
    server.client("iam").put_user_policy(
        UserName=double.user, PolicyName="denied", PolicyDocument=json.dumps(document)
    )


def allow_again(server: Ministack, double: Double) -> None:
    """Take the denial back."""
    server.client("iam").delete_user_policy(UserName=double.user, PolicyName="denied")


def _double(server: Ministack, name: str) -> Double:
    iam = server.client("iam")
    iam.create_user(UserName=name)
    made = iam.create_access_key(UserName=name)["AccessKey"]
    return Double(name, Credentials(made["AccessKeyId"], made["SecretAccessKey"]))


def _actions(role: Mapping[str, Any]) -> Iterator[str]:
    for policy in role["Properties"]["Policies"]:
        for statement in policy["PolicyDocument"]["Statement"]:
            # one that a condition of the template leaves out has no action of its own
            actions = statement.get("Action", [])
            yield from [actions] if isinstance(actions, str) else actions
