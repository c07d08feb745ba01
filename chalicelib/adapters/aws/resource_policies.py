"""Read the policies of a bucket and of keys for what refuses roles whatever IAM allows them.

These are read and not simulated: a statement that denies is named, for people to judge whom it
hits. The one that our stack itself gives a bucket, on calls without TLS, hits none of ours.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from functools import partial
from typing import Any, Final

from chalicelib.adapters.aws.looks import Answer, Traits, looked
from chalicelib.domain.stack import Presence

ONLY_TLS: Final = {"Bool": {"aws:SecureTransport": "false"}}
EVERYTHING: Final = frozenset({"kms:*", "*"})
Statement = Mapping[str, Any]


def bucket_traits(objects: Any, bucket: str) -> Traits:
    """Say what the policy of a bucket denies; a bucket without one denies nothing."""
    ask = partial(objects.get_bucket_policy, Bucket=bucket)
    seen = looked(ask, lambda found: {"denies": _denials(found["Policy"])})
    if seen.presence is Presence.ABSENT:
        return {"denies": ""}
    return _told(seen.presence, seen.traits)


def key_traits(keys: Any, key: str) -> Traits:
    """Say what the policy of a key denies, and whether it leaves rights to IAM at all."""
    ask = partial(keys.get_key_policy, KeyId=key, PolicyName="default")
    seen = looked(ask, _key)
    return _told(seen.presence, seen.traits)


def _told(presence: Presence, traits: Traits) -> Traits:
    if presence is Presence.THERE:
        return traits
    return {"told": "there; its policy was not seen"}


def _key(found: Answer) -> Traits:
    heeds = any(_leaves_to_iam(one) for one in _statements(found["Policy"]))
    return {"denies": _denials(found["Policy"]), "heeds IAM": "yes" if heeds else "no"}


def _leaves_to_iam(statement: Statement) -> bool:
    principal = statement.get("Principal")
    named = principal.get("AWS", "") if isinstance(principal, Mapping) else principal
    is_account = any(str(one).endswith(":root") or one == "*" for one in _listed(named))
    allows_all = not EVERYTHING.isdisjoint(_listed(statement.get("Action")))
    return statement["Effect"] == "Allow" and is_account and allows_all


def _denials(policy: str) -> str:
    denying = [
        str(one.get("Sid") or "a statement without a name")
        for one in _statements(policy)
        if one["Effect"] == "Deny" and one.get("Condition") != ONLY_TLS
    ]
    return ", ".join(denying)


def _statements(policy: str) -> list[Statement]:
    return _listed(json.loads(policy)["Statement"])


def _listed(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]
