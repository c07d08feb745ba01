"""One question to a service, whose failure is an answer too."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, Final

from botocore.exceptions import ClientError

from chalicelib.adapters.aws.service_errors import (
    FOREIGN,
    KEY_UNUSABLE,
    MISSING,
    OUR_FAULT,
    REFUSED,
    Meaning,
    code_of,
    meaning_of,
)
from chalicelib.domain.stack import Presence, Seen

Answer = Mapping[str, Any]
Traits = Mapping[str, str]

ABSENT_CODES: Final = frozenset(
    {
        "404",
        "AWS.SimpleQueueService.NonExistentQueue",
        "NoSuchBucket",
        "NoSuchBucketPolicy",
        "NoSuchEntity",
        "QueueDoesNotExist",
    }
)
"""Of services that nothing else of ours calls."""
REFUSED_CODES: Final = frozenset({"403", "AccessDenied"})
NO_STACK: Final = "does not exist"
"""CloudFormation has no code for a stack that is not there, only these words."""


def looked(call: Callable[[], Answer], traits: Callable[[Answer], Traits]) -> Seen:
    """Ask, and tell what the answer says; never raises what a service or the way to it raises."""
    try:
        answer = call()
    except FOREIGN as error:
        return Seen(_presence(error), {"why": _why(error)})
    return Seen(Presence.THERE, traits(answer))


def absent(why: str) -> Seen:
    """Say that a thing is not there without having asked for it."""
    return Seen(Presence.ABSENT, {"why": why})


def _presence(error: Exception) -> Presence:
    code = code_of(error)
    if code in ABSENT_CODES or NO_STACK in _words(error):
        return Presence.ABSENT
    meaning = meaning_of(error)
    if code in REFUSED_CODES or meaning in {REFUSED, KEY_UNUSABLE}:
        return Presence.HIDDEN
    return Presence.ABSENT if meaning is MISSING else Presence.SILENT


def _why(error: Exception) -> str:
    meaning: Meaning = meaning_of(error)
    code = code_of(error)
    said = "the service does not know it" if meaning is OUR_FAULT else meaning.sentence
    return f"{said} ({code})" if code else said


def _words(error: Exception) -> str:
    # looked at, never shown: they may hold names of others
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Message", ""))
    return ""
