"""Every failure of a service we call means something to us."""

from __future__ import annotations

import re
from typing import Any

import pytest
from botocore import exceptions as foreign
from botocore.parsers import ResponseParserError
from botocore.session import Session

from chalicelib.adapters.aws import (
    dynamodb,
    kms_signer,
    link_signer,
    scheduler,
    secrets_manager,
    sns_notifier,
    step_functions,
)
from chalicelib.adapters.aws import service_errors as errors
from chalicelib.domain.errors import HoldfastError, Internal, StorageFailed

CLIENTS: dict[str, type] = {
    "dynamodb": dynamodb.DynamoClient,
    "stepfunctions": step_functions.StatesClient,
    "secretsmanager": secrets_manager.SecretsClient,
    "kms": kms_signer.KmsClient,
    "scheduler": scheduler.SchedulerClient,
    "sns": sns_notifier.TopicClient,
    "lambda": link_signer.LambdaClient,
}
OPERATIONS = [(service, name) for service, names in errors.OPERATIONS.items() for name in names]


def modelled(service: str, operation: str) -> set[str]:
    model = Session().get_service_model(service).operation_model(operation)
    return {shape.metadata.get("error", {}).get("code", shape.name) for shape in model.error_shapes}


def answer(code: str, status: int = 400) -> foreign.ClientError:
    response: Any = {"Error": {"Code": code}, "ResponseMetadata": {"HTTPStatusCode": status}}
    return foreign.ClientError(response, "Operation")


@pytest.mark.parametrize(("service", "operation"), OPERATIONS)
def test_each_modelled_error_of_each_operation_has_a_row(service: str, operation: str) -> None:
    assert modelled(service, operation) <= set(errors.CODES)


@pytest.mark.parametrize("service", CLIENTS)
def test_the_operations_are_those_the_adapters_name(service: str) -> None:
    named = {name for name in vars(CLIENTS[service]) if not name.startswith("_")} - {"close"}

    snake = {re.sub(r"(?<!^)([A-Z])", r"_\1", o).lower() for o in errors.OPERATIONS[service]}
    assert named == snake


@pytest.mark.parametrize(
    "kind",
    [
        kind
        for kind in vars(foreign).values()
        if isinstance(kind, type) and issubclass(kind, foreign.BotoCoreError)
    ],
    ids=lambda kind: kind.__name__,
)
def test_each_error_of_the_client_itself_means_something(
    kind: type[foreign.BotoCoreError],
) -> None:
    meaning = next(meaning for known, meaning in errors.CLASSES if issubclass(kind, known))

    assert issubclass(meaning.error, HoldfastError)


@pytest.mark.parametrize(
    ("error", "meaning"),
    [
        (answer("ThrottlingException"), errors.BUSY),
        (answer("AccessDeniedException"), errors.REFUSED),
        (answer("NeverSeen", 400), errors.OUR_FAULT),
        (answer("NeverSeen", 403), errors.REFUSED),
        (answer("NeverSeen", 429), errors.BUSY),
        (answer("NeverSeen", 500), errors.BROKEN),
        (answer("", 503), errors.BROKEN),
        (foreign.ClientError({}, "Operation"), errors.OUR_FAULT),
        (foreign.ConnectTimeoutError(endpoint_url="x"), errors.UNREACHABLE),
        (foreign.ReadTimeoutError(endpoint_url="x"), errors.UNREACHABLE),
        (foreign.EndpointConnectionError(endpoint_url="x"), errors.UNREACHABLE),
        (foreign.NoCredentialsError(), errors.REFUSED),
        (foreign.ParamValidationError(report="x"), errors.OUR_FAULT),
        (ResponseParserError("x"), errors.BROKEN),
    ],
    ids=repr,
)
def test_an_error_means_what_the_table_says(error: Exception, meaning: errors.Meaning) -> None:
    assert errors.meaning_of(error) is meaning


MEANINGS = sorted(set(errors.CODES.values()), key=lambda meaning: meaning.sentence)


@pytest.mark.parametrize("meaning", MEANINGS, ids=lambda meaning: meaning.sentence)
def test_a_meaning_is_a_sentence_and_a_hint(meaning: errors.Meaning) -> None:
    error = errors.failure(meaning, "read a backup")

    assert re.fullmatch(r"cannot read a backup: (the|a) [a-z ]+[^.]", error.message)
    assert error.hint.endswith(".")
    assert type(error) in {StorageFailed, Internal}


def test_only_what_may_pass_is_marked_as_passing() -> None:
    passing = {meaning for meaning in errors.CODES.values() if meaning.is_transient}

    assert passing == {errors.BUSY, errors.BROKEN}
    assert errors.is_transient(errors.failure(errors.BUSY, "read"))
    assert not errors.is_transient(errors.failure(errors.REFUSED, "read"))


def test_a_failure_keeps_its_cause_and_says_nothing_of_the_network() -> None:
    cause = foreign.EndpointConnectionError(endpoint_url="https://internal.example")

    def fail(**_: object) -> errors.Answer:
        raise cause

    with pytest.raises(StorageFailed) as caught:
        errors.ask(fail, "read a backup", Key="k")

    assert caught.value.__cause__ is cause
    assert "internal.example" not in f"{caught.value.message} {caught.value.hint}"


def test_an_expected_code_is_an_answer_and_others_are_errors() -> None:
    def fail(**_: object) -> errors.Answer:
        raise answer("ResourceNotFoundException")

    assert errors.ask_unless(("ResourceNotFoundException",), fail, "read") is None
    with pytest.raises(StorageFailed):
        errors.ask_unless(("ResourceExistsException",), fail, "read")
