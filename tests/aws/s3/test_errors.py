"""Promises of the translation of S3's failures: nothing is missed, nothing foreign comes out."""

from __future__ import annotations

import inspect
from typing import Any

import pytest
from botocore import exceptions as foreign
from botocore.exceptions import ClientError
from botocore.parsers import ResponseParserError

from chalicelib.adapters.aws.clients import Place
from chalicelib.adapters.aws.s3_errors import CODES, OPERATIONS, meaning_of, translated
from chalicelib.adapters.aws.s3_settings import s3_client
from chalicelib.adapters.aws.service_errors import OUR_FAULT, is_transient
from chalicelib.domain.errors import (
    Conflict,
    HoldfastError,
    IntegrityFailed,
    Internal,
    NotFound,
    StorageFailed,
)

# https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html, as far as calls on objects
# and uploads can meet them
GENERIC = [
    "AccessDenied",
    "AccountProblem",
    "AllAccessDisabled",
    "AuthorizationHeaderMalformed",
    "BadDigest",
    "ConditionalRequestConflict",
    "EntityTooLarge",
    "EntityTooSmall",
    "ExpiredToken",
    "IllegalLocationConstraintException",
    "IncompleteBody",
    "InternalError",
    "InvalidAccessKeyId",
    "InvalidArgument",
    "InvalidBucketName",
    "InvalidDigest",
    "InvalidObjectState",
    "InvalidPart",
    "InvalidPartOrder",
    "InvalidPayer",
    "InvalidRange",
    "InvalidRequest",
    "InvalidSecurity",
    "InvalidStorageClass",
    "InvalidToken",
    "InvalidURI",
    "KeyTooLongError",
    "MalformedXML",
    "MaxMessageLengthExceeded",
    "MetadataTooLarge",
    "MethodNotAllowed",
    "MissingContentLength",
    "MissingRequestBodyError",
    "MissingSecurityHeader",
    "NoSuchBucket",
    "NoSuchKey",
    "NoSuchUpload",
    "NoSuchVersion",
    "NotImplemented",
    "NotSignedUp",
    "OperationAborted",
    "PermanentRedirect",
    "PreconditionFailed",
    "Redirect",
    "RequestTimeout",
    "RequestTimeTooSkewed",
    "ServiceUnavailable",
    "SignatureDoesNotMatch",
    "SlowDown",
    "TemporaryRedirect",
    "TokenRefreshRequired",
    "XAmzContentSHA256Mismatch",
    "KMS.DisabledException",
    "KMS.InvalidKeyUsageException",
    "KMS.KMSInvalidStateException",
    "KMS.NotFoundException",
]
STATUSES_OF_SHAPES = {"NotFound"}  # a HEAD without a body: judged by its status


def refusal(code: str, status: int = 400, operation: str = "UploadPart") -> ClientError:
    metadata: Any = {"HTTPStatusCode": status}
    return ClientError({"Error": {"Code": code}, "ResponseMetadata": metadata}, operation)


def translation(error: Exception) -> HoldfastError:
    with pytest.raises(HoldfastError) as caught, translated("do it"):
        raise error
    return caught.value


def modelled_codes() -> set[str]:
    model = s3_client(Place("us-east-1")).meta.service_model
    return {
        shape.metadata.get("error", {}).get("code", shape.name)
        for operation in OPERATIONS
        for shape in model.operation_model(operation).error_shapes
    }


def test_every_modelled_error_of_our_operations_has_a_meaning() -> None:
    assert modelled_codes() - STATUSES_OF_SHAPES <= set(CODES)


@pytest.mark.parametrize("code", GENERIC)
def test_every_generic_error_of_s3_has_a_meaning(code: str) -> None:
    assert code in CODES


def test_every_exception_of_botocore_has_a_meaning() -> None:
    raised = [
        kind
        for _, kind in inspect.getmembers(foreign, inspect.isclass)
        if issubclass(kind, foreign.BotoCoreError)
    ]

    assert len(raised) > 50
    for kind in raised:
        assert meaning_of(kind.__new__(kind)).sentence


@pytest.mark.parametrize(
    ("error", "expected", "transient"),
    [
        (refusal("SlowDown", 503), StorageFailed, True),
        (refusal("Whatever", 599), StorageFailed, True),
        (refusal("503", 503), StorageFailed, True),
        (refusal("429", 429), StorageFailed, True),
        (refusal("409", 409), StorageFailed, True),
        (refusal("BadDigest"), StorageFailed, True),
        (refusal("BadDigest", operation="CompleteMultipartUpload"), IntegrityFailed, False),
        (refusal("InvalidRequest"), Internal, False),
        (refusal("InvalidRequest", operation="CompleteMultipartUpload"), IntegrityFailed, False),
        (refusal("403", 403), StorageFailed, False),
        (refusal("301", 301), StorageFailed, False),
        (refusal("404", 404), NotFound, False),
        (refusal("400", 400), StorageFailed, False),
        (refusal("412", 412), Conflict, False),
        (refusal("KMS.SomethingNew"), StorageFailed, False),
        (refusal("SomethingNew"), Internal, False),
        (foreign.EndpointConnectionError(endpoint_url="u"), StorageFailed, True),
        (foreign.ConnectTimeoutError(endpoint_url="u"), StorageFailed, True),
        (foreign.ReadTimeoutError(endpoint_url="u"), StorageFailed, True),
        (foreign.ConnectionClosedError(endpoint_url="u"), StorageFailed, True),
        (foreign.ResponseStreamingError(error="e"), StorageFailed, True),
        (foreign.SSLError(endpoint_url="u", error=OSError()), StorageFailed, False),
        (foreign.NoCredentialsError(), StorageFailed, False),
        (foreign.ParamValidationError(report="r"), Internal, False),
        (foreign.FlexibleChecksumError(error_msg="m"), IntegrityFailed, False),
        (ResponseParserError("no XML"), StorageFailed, True),
    ],
)
def test_a_foreign_error_becomes_our_own(
    error: Exception,
    expected: type[HoldfastError],
    transient: bool,  # noqa: FBT001 - a column of the table
) -> None:
    found = translation(error)

    assert (type(found), is_transient(found)) == (expected, transient)
    assert found.__cause__ is error


def test_no_address_and_no_foreign_text_is_passed_on() -> None:
    found = translation(foreign.EndpointConnectionError(endpoint_url="http://10.1.2.3:9000"))

    assert "10.1.2.3" not in f"{found.message} {found.hint}"


def test_only_requests_of_ours_are_called_our_fault() -> None:
    ours = {code for code, meaning in CODES.items() if meaning is OUR_FAULT}

    assert not {code for code in ours if code.startswith(("KMS", "NoSuch", "Slow", "Internal"))}
