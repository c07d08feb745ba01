"""What failures of S3 mean to us: one table from foreign codes to errors of our own.

S3 speaks in codes of its own, so it has a table of its own; whatever no row names is judged by its
HTTP status, and what botocore raises without an answer by its class. Messages name the object of
the caller and never the address behind it, so nothing of the foreign text is passed on.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from http import HTTPStatus
from types import MappingProxyType
from typing import Final

from botocore import exceptions as foreign
from botocore.parsers import ResponseParserError

from chalicelib.adapters.aws.service_errors import (
    BROKEN,
    BUSY,
    KEY_UNUSABLE,
    MISSING,
    OUR_FAULT,
    QUOTA,
    REFUSED,
    UNREACHABLE,
    Meaning,
    code_of,
    failure,
)
from chalicelib.domain.errors import Conflict, HoldfastError, IntegrityFailed, NotFound
from chalicelib.domain.errors import StorageFailed as Storage

OPERATIONS: Final = (
    "CreateMultipartUpload",
    "UploadPart",
    "CompleteMultipartUpload",
    "AbortMultipartUpload",
    "ListMultipartUploads",
    "ListParts",
    "PutObject",
    "GetObject",
    "HeadObject",
    "HeadBucket",
    "ListObjectsV2",
    "DeleteObject",
    "CopyObject",
    "UploadPartCopy",
)
"""Every operation the adapter calls; the table below names each error they are modelled with."""

COMPLETE: Final = "CompleteMultipartUpload"

EXPIRED: Final = Meaning(
    Storage,
    "the credentials have expired",
    "Renew the credentials of the worker; a role's are renewed by themselves.",
)
UNEXPLAINED: Final = Meaning(
    Storage,
    "the store refused the request and gave no reason",
    "Most often the credentials have expired: renew them, then try again.",
)
CLOCK: Final = Meaning(
    Storage,
    "the clock of this machine is wrong",
    "Set the clock (S3 accepts 15 minutes of difference), then try again.",
)
NO_BUCKET: Final = Meaning(
    Storage,
    "the bucket is not there, or lies in another region",
    "Check the bucket's name and region in the settings.",
)
DAMAGED: Final = Meaning(
    Storage,
    "bytes were damaged on the way",
    "Try again; check memory and network of the worker if it stays so.",
    is_transient=True,
)
DIFFERENT: Final = Meaning(
    IntegrityFailed,
    "the store does not hold what was sent",
    "Nothing was completed; start the backup again.",
)
ARCHIVED: Final = Meaning(
    Storage,
    "the object lies in an archive class",
    "Restore the object from its archive class in S3, then try again.",
)
LOCKED: Final = Meaning(
    Storage,
    "the bucket does not fit the lock or class that the settings ask for",
    "Compare the settings of the store with the bucket's Object Lock and storage classes.",
)
NO_OBJECT: Final = Meaning(
    NotFound, "there is no such object", "It was deleted, or never completed."
)
NO_UPLOAD: Final = Meaning(
    NotFound, "there is no such upload", "It was completed or dropped; begin anew."
)
EXISTS: Final = Meaning(
    Conflict, "the object exists already", "No key is written twice; begin a new attempt."
)
TOO_SMALL: Final = Meaning(
    Storage,
    "a part before the last is smaller than the minimum",
    "Parts but the last have at least 5 MiB.",
)
RACING: Final = Meaning(
    Storage,
    "somebody else writes the same object",
    "Try again; the one who came first wins.",
    is_transient=True,
)

CODES: Final = MappingProxyType(
    {
        # -- busy, broken, damaged: the same call may succeed later
        "SlowDown": BUSY,
        "ServiceUnavailable": BUSY,
        "Throttling": BUSY,
        "ThrottlingException": BUSY,
        "RequestLimitExceeded": BUSY,
        "TooManyRequests": BUSY,
        "BandwidthLimitExceeded": BUSY,
        "KMS.ThrottlingException": BUSY,
        "InternalError": BROKEN,
        "InternalFailure": BROKEN,
        "RequestTimeout": BROKEN,
        "RequestTimeoutException": BROKEN,
        "OperationAborted": BROKEN,
        "KMS.InternalException": BROKEN,
        "KMS.KMSInternalException": BROKEN,
        "KMS.KeyUnavailableException": BROKEN,
        "KMS.DependencyTimeoutException": BROKEN,
        "BadDigest": DAMAGED,
        "InvalidDigest": DAMAGED,
        "IncompleteBody": DAMAGED,
        "XAmzContentSHA256Mismatch": DAMAGED,
        "XAmzContentChecksumMismatch": DAMAGED,
        "ConditionalRequestConflict": RACING,
        # -- somebody must change rights, keys or settings first
        "AccessDenied": REFUSED,
        "AccountProblem": REFUSED,
        "AllAccessDisabled": REFUSED,
        "AuthorizationHeaderMalformed": REFUSED,
        "CredentialsNotSupported": REFUSED,
        "Forbidden": REFUSED,
        "InvalidAccessKeyId": REFUSED,
        "InvalidPayer": REFUSED,
        "InvalidSecurity": REFUSED,
        "MissingSecurityHeader": REFUSED,
        "NotSignedUp": REFUSED,
        "SignatureDoesNotMatch": REFUSED,
        "UnauthorizedAccess": REFUSED,
        "400": UNEXPLAINED,  # of HEAD, whose answer to an expired token has no body
        "ExpiredToken": EXPIRED,
        "InvalidToken": EXPIRED,
        "TokenRefreshRequired": EXPIRED,
        "RequestExpired": CLOCK,
        "RequestTimeTooSkewed": CLOCK,
        "IllegalLocationConstraintException": NO_BUCKET,
        "InvalidBucketName": NO_BUCKET,
        "NoSuchBucket": NO_BUCKET,
        "PermanentRedirect": NO_BUCKET,
        "Redirect": NO_BUCKET,
        "TemporaryRedirect": NO_BUCKET,
        "KMS.DisabledException": KEY_UNUSABLE,
        "KMS.InvalidArnException": KEY_UNUSABLE,
        "KMS.InvalidKeyUsageException": KEY_UNUSABLE,
        "KMS.KMSInvalidStateException": KEY_UNUSABLE,
        "KMS.InvalidStateException": KEY_UNUSABLE,
        "KMS.NotFoundException": KEY_UNUSABLE,
        "KMS.AccessDeniedException": KEY_UNUSABLE,
        "EncryptionTypeMismatch": KEY_UNUSABLE,
        "InvalidObjectState": ARCHIVED,
        "ObjectNotInActiveTierError": ARCHIVED,
        "InvalidStorageClass": LOCKED,
        "InvalidRetentionPeriod": LOCKED,
        "ObjectLockConfigurationNotFoundError": LOCKED,
        "QuotaExceeded": QUOTA,
        "ServiceQuotaExceededException": QUOTA,
        "MethodNotAllowed": MISSING,
        "NotImplemented": MISSING,
        # -- the thing is not there, is there already, or is another one
        "NoSuchKey": NO_OBJECT,
        "NoSuchVersion": NO_OBJECT,
        "NoSuchUpload": NO_UPLOAD,
        "PreconditionFailed": EXISTS,
        "ObjectAlreadyInActiveTierError": EXISTS,
        "InvalidPart": DIFFERENT,
        "InvalidPartOrder": DIFFERENT,
        "EntityTooSmall": TOO_SMALL,
        # -- a request that should never have left us
        "EntityTooLarge": OUR_FAULT,
        "IdempotencyParameterMismatch": OUR_FAULT,
        "IncompleteSignature": OUR_FAULT,
        "InvalidArgument": OUR_FAULT,
        "InvalidRange": OUR_FAULT,
        "InvalidRequest": OUR_FAULT,
        "InvalidURI": OUR_FAULT,
        "InvalidWriteOffset": OUR_FAULT,
        "KeyTooLongError": OUR_FAULT,
        "MalformedXML": OUR_FAULT,
        "MaxMessageLengthExceeded": OUR_FAULT,
        "MetadataTooLarge": OUR_FAULT,
        "MissingContentLength": OUR_FAULT,
        "MissingRequestBodyError": OUR_FAULT,
        "TooManyParts": OUR_FAULT,
    }
)

# Completing is the one call that compares the whole: there a wrong digest or size (S3 calls that an
# invalid request) means other bytes, and sending the same again cannot help.
COMPLETING: Final = MappingProxyType({"BadDigest": DIFFERENT, "InvalidRequest": DIFFERENT})

# HEAD has no body, so botocore gives the status in the place of a code.
STATUSES: Final = MappingProxyType(
    {
        HTTPStatus.MOVED_PERMANENTLY: NO_BUCKET,
        HTTPStatus.TEMPORARY_REDIRECT: NO_BUCKET,
        HTTPStatus.UNAUTHORIZED: REFUSED,
        HTTPStatus.FORBIDDEN: REFUSED,
        HTTPStatus.NOT_FOUND: NO_OBJECT,
        HTTPStatus.REQUEST_TIMEOUT: BROKEN,
        HTTPStatus.CONFLICT: RACING,
        HTTPStatus.PRECONDITION_FAILED: EXISTS,
        HTTPStatus.TOO_MANY_REQUESTS: BUSY,
    }
)

# What botocore raises without an answer of S3; the first class that fits counts.
CLASSES: Final[tuple[tuple[type[Exception], Meaning], ...]] = (
    (foreign.SSLError, REFUSED),
    (foreign.HTTPClientError, UNREACHABLE),
    (foreign.ConnectionError, UNREACHABLE),
    (foreign.IncompleteReadError, UNREACHABLE),
    (foreign.ChecksumError, DIFFERENT),
    (foreign.FlexibleChecksumError, DIFFERENT),
    (ResponseParserError, BROKEN),
    (foreign.NoCredentialsError, REFUSED),
    (foreign.PartialCredentialsError, REFUSED),
    (foreign.CredentialRetrievalError, REFUSED),
    (foreign.TokenRetrievalError, EXPIRED),
    (foreign.SSOError, EXPIRED),
    (foreign.BotoCoreError, OUR_FAULT),
)


FOREIGN: Final = (foreign.ClientError, foreign.BotoCoreError, ResponseParserError)
"""All that botocore raises."""


@contextmanager
def translated(doing: str) -> Iterator[None]:
    """Turn what botocore raises in the block into our own; `doing` completes "cannot …"."""
    try:
        yield
    except FOREIGN as error:
        raise failure(meaning_of(error), doing) from error


def meaning_of(error: Exception) -> Meaning:
    """Return what a foreign error means; every error means something."""
    if isinstance(error, foreign.ClientError):
        return _meaning_of_answer(error)
    return next(meaning for kind, meaning in CLASSES if isinstance(error, kind))


def _meaning_of_answer(error: foreign.ClientError) -> Meaning:
    code = code_of(error)
    if error.operation_name == COMPLETE and code in COMPLETING:
        return COMPLETING[code]
    if code in CODES:
        return CODES[code]
    if code.startswith("KMS."):
        return KEY_UNUSABLE
    status = int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))
    if status >= HTTPStatus.INTERNAL_SERVER_ERROR:
        return BROKEN
    return next((found for known, found in STATUSES.items() if known == status), OUR_FAULT)


def refused_range(error: HoldfastError) -> bool:
    """Tell whether S3 said that a range begins behind the object's end."""
    cause = error.__cause__
    return isinstance(cause, foreign.ClientError) and code_of(cause) in {"InvalidRange", "416"}
