"""What failures of AWS services mean to us: one table from foreign codes to errors of our own.

Codes an adapter expects (a secret that is not there) are handled where they are expected; all
others come here. A code that no row names is judged by its HTTP status, so nothing slips through.
An error that may pass by itself is marked, so that a retry knows it without knowing AWS.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from http import HTTPStatus
from types import MappingProxyType
from typing import Any, Final

from botocore import exceptions as foreign
from botocore.parsers import ResponseParserError

from chalicelib.domain.errors import HoldfastError, Internal, StorageFailed

Answer = dict[str, Any]
Call = Callable[..., Answer]

OPERATIONS: Final = MappingProxyType(
    {
        "dynamodb": ("GetItem", "BatchGetItem", "Query", "UpdateItem", "TransactWriteItems"),
        "stepfunctions": ("StartExecution", "StopExecution", "DescribeExecution"),
        "secretsmanager": (
            "GetSecretValue",
            "PutSecretValue",
            "CreateSecret",
            "RestoreSecret",
            "DeleteSecret",
        ),
        "kms": ("Sign", "GetPublicKey"),
        "scheduler": (
            "GetSchedule",
            "CreateSchedule",
            "UpdateSchedule",
            "DeleteSchedule",
            "ListSchedules",
        ),
        "sns": ("Publish",),
        "lambda": ("Invoke",),
    }
)
"""Every operation these adapters call; the table below names each error they are modelled with."""


@dataclass(frozen=True)
class Meaning:
    """Say what a foreign failure is to us; `is_transient`: the same call may succeed later."""

    error: type[HoldfastError]
    sentence: str
    hint: str
    is_transient: bool = False


BUSY: Final = Meaning(
    StorageFailed,
    "the service has too much to do",
    "Try again in a while; if it stays so, raise the quota or the capacity.",
    is_transient=True,
)
BROKEN: Final = Meaning(
    StorageFailed,
    "the service failed",
    "Try again in a while; see the health page of AWS if it stays so.",
    is_transient=True,
)
UNREACHABLE: Final = Meaning(
    StorageFailed,
    "the service did not answer",
    "Check the network path from the function to AWS, then try again.",
    is_transient=True,
)
REFUSED: Final = Meaning(
    StorageFailed,
    "the service refused us",
    "Compare the role of the function with the policies that this version ships.",
)
MISSING: Final = Meaning(
    StorageFailed,
    "a resource of the installation is missing or not ready",
    "Deploy the stack again; do not make the resource by hand.",
)
KEY_UNUSABLE: Final = Meaning(
    StorageFailed,
    "the encryption or signing key cannot be used",
    "Check in KMS that the key is enabled, and that its policy lets the function's role use it.",
)
QUOTA: Final = Meaning(
    StorageFailed,
    "a quota of the account is used up",
    "Raise the quota in Service Quotas, or remove what is not needed any more.",
)
OUR_FAULT: Final = Meaning(
    Internal,
    "the service does not accept what we sent",
    "Report this with the log of the function; nothing was changed.",
)

_LAMBDA_IN_A_MOMENT: Final = (
    "ENINotReadyException EFSMountTimeoutException ResourceConflictException"
    " ResourceNotReadyException S3FilesMountTimeoutException ServiceException"
    " SnapStartNotReadyException SnapStartTimeoutException EC2UnexpectedException"
)
_LAMBDA_MISDEPLOYED: Final = (
    "CodeArtifactUserDeletedException CodeArtifactUserFailedException"
    " CodeArtifactUserPendingException EC2AccessDeniedException EFSIOException"
    " EFSMountConnectivityException EFSMountFailureException ENILimitReachedException"
    " InvalidRuntimeException InvalidSecurityGroupIDException InvalidSubnetIDException"
    " InvalidZipFileException ModeNotSupportedException NoPublishedVersionException"
    " RecursiveInvocationException RuntimeAliasDeletedException RuntimeVersionDeletedException"
    " S3FilesMountConnectivityException S3FilesMountFailureException SnapStartException"
    " SnapStartRegenerationFailureException SubnetIPAddressLimitReachedException"
)
_LAMBDA_REFUSES_INPUT: Final = (
    "DurableExecutionAlreadyStartedException InvalidParameterValueException"
    " InvalidRequestContentException RequestTooLargeException"
    " SerializedRequestEntityTooLargeException UnsupportedMediaTypeException"
)

CODES: Final = MappingProxyType(
    {
        # -- Lambda
        **dict.fromkeys(_LAMBDA_IN_A_MOMENT.split(), BROKEN),
        **dict.fromkeys(_LAMBDA_MISDEPLOYED.split(), MISSING),
        **dict.fromkeys(_LAMBDA_REFUSES_INPUT.split(), OUR_FAULT),
        "EC2ThrottledException": BUSY,
        "KMSAccessDeniedException": KEY_UNUSABLE,
        "KMSDisabledException": KEY_UNUSABLE,
        "KMSNotFoundException": KEY_UNUSABLE,
        # -- of every service
        "ThrottlingException": BUSY,
        "Throttling": BUSY,
        "TooManyRequestsException": BUSY,
        "RequestLimitExceeded": BUSY,
        "RequestTimeout": BROKEN,
        "RequestTimeoutException": BROKEN,
        "InternalFailure": BROKEN,
        "InternalServerError": BROKEN,
        "InternalServerException": BROKEN,
        "ServiceUnavailable": BROKEN,
        "ServiceUnavailableException": BROKEN,
        "AccessDenied": REFUSED,
        "AccessDeniedException": REFUSED,
        "AuthorizationError": REFUSED,
        "ExpiredToken": REFUSED,
        "ExpiredTokenException": REFUSED,
        "IncompleteSignature": REFUSED,
        "IncompleteSignatureException": REFUSED,
        "InvalidClientTokenId": REFUSED,
        "InvalidSecurity": REFUSED,
        "InvalidSignatureException": REFUSED,
        "MissingAuthenticationToken": REFUSED,
        "MissingAuthenticationTokenException": REFUSED,
        "OptInRequired": REFUSED,
        "SignatureDoesNotMatch": REFUSED,
        "UnrecognizedClientException": REFUSED,
        "InvalidAction": OUR_FAULT,
        "SerializationException": OUR_FAULT,
        "UnknownOperationException": OUR_FAULT,
        "ValidationError": OUR_FAULT,
        "ValidationException": OUR_FAULT,
        "ResourceNotFoundException": MISSING,
        # -- DynamoDB
        "ProvisionedThroughputExceededException": BUSY,
        "ProvisionedThroughputExceeded": BUSY,
        "ThrottlingError": BUSY,
        "TransactionConflictException": BUSY,
        "TransactionConflict": BUSY,
        "ReplicatedWriteConflictException": BUSY,
        # an earlier try of this very commit is still at work; its end will answer the next one
        "TransactionInProgressException": BUSY,
        "TransactionCanceledException": OUR_FAULT,
        "ConditionalCheckFailedException": OUR_FAULT,
        "IdempotentParameterMismatchException": OUR_FAULT,
        "ItemCollectionSizeLimitExceededException": QUOTA,
        "ItemCollectionSizeLimitExceeded": QUOTA,
        # -- Step Functions
        "ExecutionAlreadyExists": OUR_FAULT,
        "ExecutionDoesNotExist": OUR_FAULT,
        "ExecutionLimitExceeded": QUOTA,
        "InvalidArn": OUR_FAULT,
        "InvalidExecutionInput": OUR_FAULT,
        "InvalidName": OUR_FAULT,
        "StateMachineDeleting": MISSING,
        "StateMachineDoesNotExist": MISSING,
        "KmsAccessDeniedException": KEY_UNUSABLE,
        "KmsInvalidStateException": KEY_UNUSABLE,
        "KmsThrottlingException": BUSY,
        # -- Secrets Manager
        "DecryptionFailure": KEY_UNUSABLE,
        "EncryptionFailure": KEY_UNUSABLE,
        "InternalServiceError": BROKEN,
        "InvalidParameterException": OUR_FAULT,
        "InvalidRequestException": OUR_FAULT,
        "LimitExceededException": QUOTA,
        "MalformedPolicyDocumentException": OUR_FAULT,
        "PreconditionNotMetException": OUR_FAULT,
        "ResourceExistsException": OUR_FAULT,
        # -- KMS
        "DependencyTimeoutException": BROKEN,
        "DisabledException": KEY_UNUSABLE,
        "DryRunOperationException": OUR_FAULT,
        "InvalidArnException": OUR_FAULT,
        "InvalidGrantTokenException": OUR_FAULT,
        "InvalidKeyUsageException": KEY_UNUSABLE,
        "KMSInternalException": BROKEN,
        "KMSInvalidStateException": KEY_UNUSABLE,
        "KeyUnavailableException": BROKEN,
        "NotFoundException": MISSING,
        "UnsupportedOperationException": KEY_UNUSABLE,
        # -- EventBridge Scheduler
        "ConflictException": BUSY,
        "ServiceQuotaExceededException": QUOTA,
        # -- SNS
        "EndpointDisabled": MISSING,
        "InternalError": BROKEN,
        "InvalidParameter": OUR_FAULT,
        "KMSAccessDenied": KEY_UNUSABLE,
        "KMSDisabled": KEY_UNUSABLE,
        "KMSInvalidState": KEY_UNUSABLE,
        "KMSNotFound": KEY_UNUSABLE,
        "KMSOptInRequired": KEY_UNUSABLE,
        "KMSThrottling": BUSY,
        "NotFound": MISSING,
        "ParameterValueInvalid": OUR_FAULT,
        "PlatformApplicationDisabled": MISSING,
    }
)

# What botocore raises without an answer of the service; the first class that fits counts.
CLASSES: Final[tuple[tuple[type[Exception], Meaning], ...]] = (
    (foreign.HTTPClientError, UNREACHABLE),
    (foreign.ConnectionError, UNREACHABLE),
    (ResponseParserError, BROKEN),
    (foreign.ParamValidationError, OUR_FAULT),
    (foreign.NoCredentialsError, REFUSED),
    (foreign.PartialCredentialsError, REFUSED),
    (foreign.CredentialRetrievalError, REFUSED),
    (foreign.BotoCoreError, OUR_FAULT),
)

FOREIGN: Final = (foreign.ClientError, foreign.BotoCoreError, ResponseParserError)
"""All that a call of a client can raise."""

TRANSIENT: Final = "transient"


def ask(call: Call, doing: str, **arguments: object) -> Answer:
    """Make a call; its failures are ours. `doing` completes "cannot …"."""
    try:
        return call(**arguments)
    except FOREIGN as error:
        raise translated(error, doing) from error


def ask_unless(
    expected: tuple[str, ...], call: Call, doing: str, **arguments: object
) -> Answer | None:
    """Make a call as `ask` does; None when it is refused with one of the expected codes."""
    try:
        return call(**arguments)
    except FOREIGN as error:
        if code_of(error) in expected:
            return None
        raise translated(error, doing) from error


def translated(error: Exception, doing: str) -> HoldfastError:
    """Return our own error for a foreign one."""
    return failure(meaning_of(error), doing)


def failure(meaning: Meaning, doing: str) -> HoldfastError:
    """Return an error of ours with this meaning."""
    fields = {TRANSIENT: "yes"} if meaning.is_transient else {}
    return meaning.error(f"cannot {doing}: {meaning.sentence}", hint=meaning.hint, **fields)


def is_transient(error: HoldfastError) -> bool:
    """Tell whether the same call may succeed later; it may also have succeeded unheard."""
    return error.fields.get(TRANSIENT) == "yes"


def meaning_of(error: Exception) -> Meaning:
    """Return what a foreign error means; every error means something."""
    if isinstance(error, foreign.ClientError):
        return CODES.get(code_of(error)) or _by_status(error)
    return next(meaning for kind, meaning in CLASSES if isinstance(error, kind))


def code_of(error: Exception) -> str:
    """Return the code of an error as the service wrote it; empty when none came."""
    if isinstance(error, foreign.ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return ""


def reasons_of(error: Exception) -> tuple[str, ...]:
    """Return why a transaction was cancelled: a code for each of its actions, or "None"."""
    if not isinstance(error, foreign.ClientError):
        return ()
    reasons = error.response.get("CancellationReasons", [])
    return tuple(reason.get("Code", "None") for reason in reasons)


def _by_status(error: foreign.ClientError) -> Meaning:
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if status == HTTPStatus.TOO_MANY_REQUESTS:
        return BUSY
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return BROKEN
    if status in {HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN}:
        return REFUSED
    return OUR_FAULT
