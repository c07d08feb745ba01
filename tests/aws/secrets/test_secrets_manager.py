"""What secrets in Secrets Manager promise beyond the contract."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest
from botocore.exceptions import ClientError
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.adapters.aws.secrets_manager import (
    MAX_ENTRY_BYTES,
    SecretsManagerSecrets,
    encoded_name,
)
from chalicelib.domain.errors import Conflict, IntegrityFailed, InvalidRequest, NotFound
from tests.support.ministack import Ministack, fresh, ministack_of

NAMES = st.text(min_size=1, max_size=300)


@pytest.fixture
def manager(request: pytest.FixtureRequest) -> Any:
    server: Ministack = ministack_of(request.config)
    return server.client("secretsmanager")


@pytest.fixture
def prefix() -> str:
    return fresh("holdfast") + "/"


@pytest.fixture
def secrets(manager: Any, prefix: str) -> SecretsManagerSecrets:
    return SecretsManagerSecrets(manager, prefix)


def test_an_ordinary_name_stands_as_it_is() -> None:
    assert encoded_name("projects/01J/password") == "projects/01J/password"


@given(NAMES)
def test_every_name_fits_the_service(name: str) -> None:
    assert re.fullmatch(r"[A-Za-z0-9/_+=.@-]{1,400}", encoded_name(name))


@given(NAMES, NAMES)
def test_two_names_are_two_entries(one: str, other: str) -> None:
    assert (encoded_name(one) == encoded_name(other)) == (one == other)


@pytest.mark.parametrize("other", ["=41", "A=", "=sha256=00", "\ud800"])
def test_what_looks_encoded_is_a_name_of_its_own(other: str) -> None:
    assert encoded_name(other) != encoded_name("A")
    assert encoded_name(other) != other


def test_an_entry_moved_to_another_name_is_found_out(
    manager: Any, prefix: str, secrets: SecretsManagerSecrets
) -> None:
    secrets.put("one", "value")
    stored = manager.get_secret_value(SecretId=f"{prefix}one")["SecretString"]

    manager.create_secret(Name=f"{prefix}two", SecretString=stored)

    with pytest.raises(IntegrityFailed):
        secrets.get("two")


@pytest.mark.parametrize("text", ["s3cret", "[]", "{}", '{"name": "one"}', "null"])
def test_an_entry_of_another_form_is_found_out_and_not_shown(
    manager: Any, prefix: str, secrets: SecretsManagerSecrets, text: str
) -> None:
    manager.create_secret(Name=f"{prefix}one", SecretString=text)

    with pytest.raises(IntegrityFailed) as caught:
        secrets.get("one")

    assert text not in str(caught.value)


def test_a_binary_entry_is_found_out(
    manager: Any, prefix: str, secrets: SecretsManagerSecrets
) -> None:
    manager.create_secret(Name=f"{prefix}one", SecretBinary=b"value")

    with pytest.raises(IntegrityFailed):
        secrets.get("one")


def test_a_secret_marked_for_deletion_is_not_found_and_can_be_put_again(
    manager: Any, prefix: str, secrets: SecretsManagerSecrets
) -> None:
    secrets.put("one", "old")
    manager.delete_secret(SecretId=f"{prefix}one", RecoveryWindowInDays=7)
    with pytest.raises(NotFound):
        secrets.get("one")

    secrets.put("one", "new")

    assert secrets.get("one") == "new"


def test_the_largest_secret_is_kept_and_a_larger_one_refused(
    secrets: SecretsManagerSecrets,
) -> None:
    largest = "x" * (MAX_ENTRY_BYTES - len(json.dumps({"name": "one", "value": ""})))

    secrets.put("one", largest)

    assert secrets.get("one") == largest
    with pytest.raises(InvalidRequest):
        secrets.put("one", largest + "x")


class FightingClient:
    """Refuse every way to store, as if others made and deleted the secret all the time."""

    def put_secret_value(self, **arguments: object) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "PutSecretValue")

    def create_secret(self, **arguments: object) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": "ResourceExistsException"}}, "CreateSecret")

    def restore_secret(self, **arguments: object) -> dict[str, Any]:
        raise ClientError({"Error": {"Code": "ResourceNotFoundException"}}, "RestoreSecret")

    def get_secret_value(self, **arguments: object) -> dict[str, Any]:
        raise AssertionError(arguments)

    def delete_secret(self, **arguments: object) -> dict[str, Any]:
        raise AssertionError(arguments)


def test_a_put_without_end_is_refused() -> None:
    with pytest.raises(Conflict):
        SecretsManagerSecrets(FightingClient(), "p/").put("one", "value")


def test_secrets_are_encrypted_with_the_key_that_was_named(manager: Any, prefix: str) -> None:
    secrets = SecretsManagerSecrets(manager, prefix, kms_key_id="alias/holdfast")

    secrets.put("one", "value")

    assert manager.describe_secret(SecretId=f"{prefix}one")["KmsKeyId"] == "alias/holdfast"
