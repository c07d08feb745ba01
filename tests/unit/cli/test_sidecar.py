from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, PublicFormat

from chalicelib.adapters.embedded.signer import FileSigner
from chalicelib.cli import sidecar
from chalicelib.cli.sidecar import SignedBy
from chalicelib.domain.backup import (
    Artefact,
    BackupType,
    Checksum,
    Compression,
    Format,
    SourceCounts,
)
from chalicelib.domain.errors import IntegrityFailed, StorageFailed
from chalicelib.domain.manifest import Manifest, SignedManifest, parse_envelope


def _manifest() -> Manifest:
    return Manifest(
        backup_id="b",
        project_id="-",
        attempt=1,
        type=BackupType.FULL,
        format=Format.CUSTOM,
        compression=Compression.GZIP,
        engine="stream",
        database="shop",
        server_version="18.6",
        client_version="18.6",
        restore_needs="18",
        dumped_at=datetime(2026, 1, 1, tzinfo=UTC),
        raw_bytes=1,
        artefacts=(Artefact(name="d", key="d", stored_bytes=1, checksum=Checksum(value="0")),),
        counts=SourceCounts(),
    )


@pytest.fixture
def envelope(tmp_path: Path) -> SignedManifest:
    return parse_envelope(sidecar.signed(_manifest(), FileSigner(tmp_path / "ours.key")))


def test_our_own_signature_is_known(envelope: SignedManifest, tmp_path: Path) -> None:
    assert sidecar.check_signature(envelope, tmp_path / "ours.key") is SignedBy.OURS


def test_another_key_is_told_from_ours(envelope: SignedManifest, tmp_path: Path) -> None:
    other = tmp_path / "other.key"
    FileSigner(other).sign(b"")

    assert sidecar.check_signature(envelope, other) is SignedBy.ANOTHER


def test_a_check_makes_no_key(envelope: SignedManifest, tmp_path: Path) -> None:
    absent = tmp_path / "absent.key"

    sidecar.check_signature(envelope, absent)

    assert not absent.exists()


@pytest.mark.parametrize("key", ["ours.key", "absent.key"])
@pytest.mark.parametrize(
    "change",
    [{"value": "AAAA"}, {"value": "no base64 ü"}, {"public_key": "no PEM", "key_id": "0"}],
)
def test_a_changed_signature_is_refused_with_any_key(
    envelope: SignedManifest, tmp_path: Path, change: dict[str, str], key: str
) -> None:
    signature = envelope.signature.model_copy(update=change)

    with pytest.raises(IntegrityFailed):
        sidecar.check_signature(
            envelope.model_copy(update={"signature": signature}), tmp_path / key
        )


@pytest.mark.parametrize("key", ["ours.key", "absent.key"])
def test_a_changed_text_is_refused_with_any_key(
    envelope: SignedManifest, tmp_path: Path, key: str
) -> None:
    changed = envelope.model_copy(update={"payload": envelope.payload.replace("shop", "shop2")})

    with pytest.raises(IntegrityFailed):
        sidecar.check_signature(changed, tmp_path / key)


def test_the_files_beside_a_dump_keep_its_whole_name() -> None:
    file = Path("/backups/shop.sql.gz")

    assert sidecar.manifest_path(file) == Path("/backups/shop.sql.gz.manifest.json")
    assert sidecar.schema_path(file) == Path("/backups/shop.sql.gz.schema.dump")


@pytest.mark.parametrize(
    ("chosen", "expected"), [(None, "/data/keys/signing.key"), (Path("/my.key"), "/my.key")]
)
def test_a_chosen_key_goes_before_the_data_folder_s(chosen: Path | None, expected: str) -> None:
    assert sidecar.key_path(Path("/data"), chosen) == Path(expected)


def test_without_a_file_there_is_no_description(tmp_path: Path) -> None:
    assert sidecar.read(tmp_path / "absent.manifest.json") is None


@pytest.mark.parametrize("text", ["", "null", "[]", '{"payload": "x"}', "\x00"])
def test_a_file_that_is_no_manifest_is_refused(tmp_path: Path, text: str) -> None:
    (tmp_path / "x.manifest.json").write_text(text)

    with pytest.raises(IntegrityFailed, match="not a manifest"):
        sidecar.read(tmp_path / "x.manifest.json")


def test_a_folder_in_the_manifest_s_place_is_a_storage_failure(tmp_path: Path) -> None:
    with pytest.raises(StorageFailed):
        sidecar.read(tmp_path)


def test_a_key_of_another_kind_is_not_taken(envelope: SignedManifest, tmp_path: Path) -> None:
    foreign = ec.generate_private_key(ec.SECP256R1()).public_key()
    pem = foreign.public_bytes(Encoding.PEM, PublicFormat.SubjectPublicKeyInfo).decode()
    signature = envelope.signature.model_copy(update={"public_key": pem, "key_id": "other"})

    with pytest.raises(IntegrityFailed, match="a kind of key we do not know"):
        sidecar.check_signature(
            envelope.model_copy(update={"signature": signature}), tmp_path / "ours.key"
        )
