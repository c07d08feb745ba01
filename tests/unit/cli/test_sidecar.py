from __future__ import annotations

from datetime import UTC, datetime
from pathlib import Path

import pytest

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
from chalicelib.domain.errors import IntegrityFailed
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
