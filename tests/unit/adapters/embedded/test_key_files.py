"""Key files, and the secrets and signatures that depend on them."""

from __future__ import annotations

import json
import traceback
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.adapters.embedded.key_files import load, load_or_make
from chalicelib.adapters.embedded.secrets import FileSecrets
from chalicelib.adapters.embedded.signer import FileSigner
from chalicelib.domain.errors import IntegrityFailed, StorageFailed

Crash = Callable[[str, int], bool]
PASSWORD = "correct horse battery staple"
STEPS_AT_MOST = 40

PUT_SECRETS = """
from chalicelib.adapters.embedded.secrets import FileSecrets
secrets = FileSecrets(folder / "secrets.json", folder / "secrets.key")
def run():
    secrets.put("name", "new")
"""


def secrets_in(folder: Path) -> FileSecrets:
    return FileSecrets(folder / "secrets.json", folder / "secrets.key")


def entries_in(folder: Path) -> dict[str, str]:
    entries: dict[str, str] = json.loads((folder / "secrets.json").read_text())["secrets"]
    return entries


def write_entries(folder: Path, entries: dict[str, str]) -> None:
    text = json.dumps({"version": 1, "secrets": entries})
    (folder / "secrets.json").write_text(text)


# -- key files


def test_a_key_is_made_once_and_kept(tmp_path: Path) -> None:
    made = load_or_make(tmp_path / "keys" / "a.key", lambda: b"first")

    again = load_or_make(tmp_path / "keys" / "a.key", lambda: b"second")

    assert made == again == b"first"
    assert [path.name for path in (tmp_path / "keys").iterdir()] == ["a.key"]


def test_a_key_file_is_for_its_owner_only(tmp_path: Path) -> None:
    load_or_make(tmp_path / "keys" / "a.key", lambda: b"key")

    assert (tmp_path / "keys" / "a.key").stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "keys").stat().st_mode & 0o777 == 0o700


@pytest.mark.parametrize("mode", [0o640, 0o604, 0o644, 0o620, 0o601])
def test_a_key_file_that_others_can_touch_is_refused(tmp_path: Path, mode: int) -> None:
    path = tmp_path / "a.key"
    path.write_bytes(b"key material")
    path.chmod(mode)

    with pytest.raises(StorageFailed, match="read by others") as caught:
        load(path)

    assert "chmod 600" in caught.value.hint
    assert "material" not in str(caught.value)


def test_a_missing_key_file_is_none(tmp_path: Path) -> None:
    assert load(tmp_path / "a.key") is None


def test_a_folder_in_place_of_a_key_fails(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed, match="cannot read the key file"):
        load(tmp_path)


# -- secrets


def test_the_secrets_file_shows_no_secret_and_is_private(tmp_path: Path) -> None:
    secrets_in(tmp_path).put("name", PASSWORD)

    files = list(tmp_path.iterdir())

    assert all(PASSWORD.encode() not in path.read_bytes() for path in files)
    assert {path.stat().st_mode & 0o777 for path in files} == {0o600}


def test_the_same_secret_never_looks_the_same(tmp_path: Path) -> None:
    secrets = secrets_in(tmp_path)
    secrets.put("name", PASSWORD)
    first = entries_in(tmp_path)

    secrets.put("name", PASSWORD)

    assert entries_in(tmp_path) != first


def test_swapped_entries_fail(tmp_path: Path) -> None:
    secrets = secrets_in(tmp_path)
    secrets.put("one", "1")
    secrets.put("two", "2")
    entries = entries_in(tmp_path)

    write_entries(tmp_path, {"one": entries["two"], "two": entries["one"]})

    with pytest.raises(IntegrityFailed):
        secrets.get("one")


@pytest.mark.parametrize("entry", ["", "AAAA", "no base64", "A" * 100])
def test_a_changed_entry_fails(tmp_path: Path, entry: str) -> None:
    secrets = secrets_in(tmp_path)
    secrets.put("name", PASSWORD)

    write_entries(tmp_path, {"name": entry})

    with pytest.raises(IntegrityFailed, match="changed"):
        secrets.get("name")


@pytest.mark.parametrize("text", ["", "{", "[]", '{"secrets": 1}', '{"version": 1, "more": 2}'])
def test_a_broken_secrets_file_fails_and_is_kept(tmp_path: Path, text: str) -> None:
    (tmp_path / "secrets.json").write_text(text)
    secrets = secrets_in(tmp_path)

    with pytest.raises(IntegrityFailed, match="cannot be read"):
        secrets.put("name", PASSWORD)

    assert (tmp_path / "secrets.json").read_text() == text


@pytest.mark.parametrize("key", [b"", b"short", bytes(32), bytes(33)])
def test_another_key_fails(tmp_path: Path, key: bytes) -> None:
    secrets_in(tmp_path).put("name", PASSWORD)
    (tmp_path / "secrets.key").write_bytes(key)

    with pytest.raises(IntegrityFailed):
        secrets_in(tmp_path).get("name")


@pytest.mark.parametrize("use", [lambda s: s.get("name"), lambda s: s.put("new", "value")])
def test_a_lost_key_is_not_made_anew_over_secrets(
    tmp_path: Path, use: Callable[[FileSecrets], object]
) -> None:
    secrets_in(tmp_path).put("name", PASSWORD)
    (tmp_path / "secrets.key").unlink()

    with pytest.raises(IntegrityFailed, match="missing"):
        use(secrets_in(tmp_path))

    assert not (tmp_path / "secrets.key").exists()


def test_no_secret_shows_in_what_a_failure_prints(tmp_path: Path) -> None:
    secrets_in(tmp_path).put("name", PASSWORD)
    (tmp_path / "secrets.key").write_bytes(bytes(32))

    with pytest.raises(IntegrityFailed) as caught:
        secrets_in(tmp_path).get("name")

    assert PASSWORD not in "".join(traceback.format_exception(caught.value))
    assert PASSWORD not in repr(vars(secrets_in(tmp_path)))


@pytest.mark.slow
def test_a_crash_while_putting_leaves_the_old_or_the_new_secret(
    tmp_path: Path, crash: Crash
) -> None:
    secrets_in(tmp_path).put("name", "old")
    step = 0

    while crash(PUT_SECRETS, step):
        assert secrets_in(tmp_path).get("name") in {"old", "new"}
        step += 1

    assert 1 < step < STEPS_AT_MOST
    assert secrets_in(tmp_path).get("name") == "new"


@pytest.mark.slow
def test_a_crash_while_the_first_key_is_made_does_no_harm(tmp_path: Path, crash: Crash) -> None:
    step = 0

    while crash(PUT_SECRETS, step):
        secrets_in(tmp_path).put("after", str(step))
        assert secrets_in(tmp_path).get("after") == str(step)
        for path in tmp_path.iterdir():
            path.unlink()
        step += 1

    assert 1 < step < STEPS_AT_MOST


# -- signatures


def test_a_signer_keeps_its_key(tmp_path: Path) -> None:
    signature = FileSigner(tmp_path / "signing.key").sign(b"payload")

    FileSigner(tmp_path / "signing.key").verify(b"payload", signature)

    assert (tmp_path / "signing.key").stat().st_mode & 0o777 == 0o600


def test_a_signature_names_its_key_by_16_hex_digits(tmp_path: Path) -> None:
    signature = FileSigner(tmp_path / "signing.key").sign(b"payload")

    assert signature.algorithm == "ed25519"
    assert len(bytes.fromhex(signature.key_id)) == 8


@pytest.mark.parametrize("text", ["", "no key", "-----BEGIN PRIVATE KEY-----\nAAAA\n"])
def test_a_file_that_holds_no_signing_key_is_refused(tmp_path: Path, text: str) -> None:
    path = tmp_path / "signing.key"
    path.write_text(text)
    path.chmod(0o600)

    with pytest.raises(IntegrityFailed, match="does not hold"):
        FileSigner(path).sign(b"payload")
