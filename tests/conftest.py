"""PostgreSQL servers that all tests share: one of each kind per test process, started on demand."""

from __future__ import annotations

import datetime as dt
import ipaddress
import secrets
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import psycopg
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID
from psycopg import sql

from chalicelib.domain.connection import Connection
from chalicelib.engine.server_programs import find_servers
from chalicelib.local.postgres import LocalPostgres, LocalSettings

WHEEL_MAJOR = 18
DEBIAN_MAJOR = 15


def pytest_configure() -> None:
    """Hear hangups, also when whoever runs the tests does not: our programs leave that as it is."""
    signal.signal(signal.SIGHUP, signal.SIG_DFL)


@pytest.fixture(scope="session")
def postgres18() -> Iterator[LocalPostgres]:
    """PostgreSQL 18 out of the wheel: neither its server nor its clients know TLS."""
    yield from _running(WHEEL_MAJOR, LocalSettings(durable=False))


@pytest.fixture(scope="session")
def postgres15(server_certificate: Path) -> Iterator[LocalPostgres]:
    """PostgreSQL 15 of Debian, with TLS and a certificate for localhost and 127.0.0.1."""
    settings = LocalSettings(
        durable=False,
        ssl_cert=server_certificate,
        ssl_key=server_certificate.with_suffix(".key"),
    )
    yield from _running(DEBIAN_MAJOR, settings)


@pytest.fixture
def database() -> Iterator[Callable[..., Connection]]:
    """Make databases: `database(server)` or `database(server, "its name")`; dropped afterwards."""
    made: list[tuple[LocalPostgres, str]] = []

    def make(server: LocalPostgres, name: str | None = None) -> Connection:
        chosen = name or f"test_{secrets.token_hex(6)}"
        _administer(server, "CREATE DATABASE {} TEMPLATE template0", chosen)
        made.append((server, chosen))
        return server.connection(chosen)

    yield make
    for server, name in reversed(made):
        server.start()  # a test may have killed it
        _administer(server, "DROP DATABASE IF EXISTS {} WITH (FORCE)", name)


@pytest.fixture(scope="session")
def certificates(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Give a folder with root.crt and a server's certificate and key signed by it."""
    folder = tmp_path_factory.mktemp("certificates")
    root_key, root = _certificate("Holdfast test root", None)
    key, certificate = _certificate("localhost", (root_key, root))
    _write(folder / "root.crt", root.public_bytes(serialization.Encoding.PEM))
    _write(folder / "server.crt", certificate.public_bytes(serialization.Encoding.PEM))
    _write(folder / "server.key", _pem(key))
    _, stranger = _certificate("some other root", None)
    _write(folder / "stranger.crt", stranger.public_bytes(serialization.Encoding.PEM))
    return folder


@pytest.fixture(scope="session")
def server_certificate(certificates: Path) -> Path:
    """Give the server's certificate; its key lies beside it."""
    return certificates / "server.crt"


@pytest.fixture(scope="session")
def root_certificate(certificates: Path) -> Path:
    """Give the root that signed the server's certificate."""
    return certificates / "root.crt"


@pytest.fixture(scope="session")
def stranger_certificate(certificates: Path) -> Path:
    """Give a root that signed nothing here."""
    return certificates / "stranger.crt"


def _running(major: int, settings: LocalSettings) -> Iterator[LocalPostgres]:
    programs = next((found for found in find_servers() if found.major == major), None)
    if programs is None:
        pytest.skip(f"NOT TESTED: no PostgreSQL {major} server programs on this machine")
    with LocalPostgres(programs, settings) as server:
        yield server


def _administer(server: LocalPostgres, statement: str, name: str) -> None:
    with psycopg.connect(server.url(), autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(sql.Identifier(name)))


def _certificate(
    name: str, issuer: tuple[ec.EllipticCurvePrivateKey, x509.Certificate] | None
) -> tuple[ec.EllipticCurvePrivateKey, x509.Certificate]:
    key = ec.generate_private_key(ec.SECP256R1())
    subject = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    now = dt.datetime.now(dt.UTC)
    signing_key, issuer_name = (issuer[0], issuer[1].subject) if issuer else (key, subject)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer_name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(days=1))
        .not_valid_after(now + dt.timedelta(days=2))
        .add_extension(x509.BasicConstraints(ca=issuer is None, path_length=None), critical=True)
        .add_extension(_alternative_names(), critical=False)
        .sign(signing_key, hashes.SHA256())
    )
    return key, certificate


def _alternative_names() -> x509.SubjectAlternativeName:
    loopback = x509.IPAddress(ipaddress.ip_address("127.0.0.1"))
    return x509.SubjectAlternativeName([x509.DNSName("localhost"), loopback])


def _pem(key: ec.EllipticCurvePrivateKey) -> bytes:
    return key.private_bytes(
        serialization.Encoding.PEM,
        serialization.PrivateFormat.PKCS8,
        serialization.NoEncryption(),
    )


def _write(path: Path, data: bytes) -> None:
    path.touch(mode=0o600)
    path.write_bytes(data)
